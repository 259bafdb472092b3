/*
 * An HTTP reader that costs as little as can be, so that what is measured is the path: bodies are dropped in the kernel
 * (MSG_TRUNC) where they need not be seen. One process a run; prints one JSON document.
 *
 *   sink get   ADDRESS PORT HOST PATH LENGTH                   one GET to its end, of LENGTH bytes if that is not 0
 *   sink ttfb  ADDRESS PORT HOST PATH SIZE COUNT LENGTH        ranges one after another, on one connection as long as it lasts
 *   sink paced ADDRESS PORT HOST PATH STREAMS RATE SECONDS     readers that take RATE bytes a second, as players do
 *   sink hold  ADDRESS PORT HOST PATH                          begins to read, prints a line, and stalls until stdin ends
 *
 * ADDRESS: IPv4. Exit status 1: the answer was not what was asked for.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HEAD = 16384, BUFFER = 1 << 20 };

struct target { struct sockaddr_in address; const char *host, *path; };
struct head { char text[HEAD]; int length, body; long long size; int closes; };
struct stream { int fd; struct head head; double begun, first; long long got; int ended; };

static char buffer[BUFFER];

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

static void fail(const char *why) {
  fprintf(stderr, "sink: %s\n", why);
  exit(1);
}

static int dial(const struct target *target) {
  int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
  if (fd < 0 || connect(fd, (const struct sockaddr *)&target->address, sizeof target->address) != 0) fail("can't connect");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

static void ask(int fd, const struct target *target, long long from, long long length, int keep) {
  char text[2048];
  int used = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: %s\r\n", target->path, target->host);
  if (length > 0) used += snprintf(text + used, sizeof text - used, "Range: bytes=%lld-%lld\r\n", from, from + length - 1);
  used += snprintf(text + used, sizeof text - used, keep ? "\r\n" : "Connection: close\r\n\r\n");
  if (write(fd, text, used) != used) fail("can't ask");
}

/* Takes what has come of a head; 1 when it is whole. */
static int take_head(struct head *head, int count) {
  head->length += count;
  head->text[head->length] = 0;
  char *end = strstr(head->text, "\r\n\r\n");
  if (!end) {
    if (head->length >= HEAD - 1) fail("the head is too long");
    return 0;
  }
  head->body = head->length - (int)(end + 4 - head->text);
  *end = 0;
  if (strncmp(head->text + 9, "200", 3) && strncmp(head->text + 9, "206", 3)) fail(head->text);
  char *size = strcasestr(head->text, "\r\ncontent-length:");
  if (!size) fail("no length");
  head->size = atoll(size + 17);
  head->closes = strcasestr(head->text, "\r\nconnection: close") != NULL;
  return 1;
}

static double read_head(int fd, struct head *head) {
  double first = 0;
  head->length = 0;
  for (;;) {
    int count = recv(fd, head->text + head->length, HEAD - 1 - head->length, 0);
    if (count <= 0) fail("no answer");
    if (first == 0) first = now();
    if (take_head(head, count)) return first;
  }
}

static void get(const struct target *target, long long length) {
  static struct head head;
  double begun = now();
  int fd = dial(target);
  ask(fd, target, 0, length, 0);
  double first = read_head(fd, &head);
  long long got = head.body;
  while (got < head.size) {
    ssize_t count = recv(fd, buffer, BUFFER, MSG_TRUNC);
    if (count <= 0) fail("the body ended too early");
    got += count;
  }
  printf("{\"bytes\":%lld,\"seconds\":%.6f,\"first\":%.6f}\n", got, now() - begun, first - begun);
}

static void ranges(const struct target *target, long long size, int count, int length) {
  static struct head head;
  int fd = -1;
  printf("{\"milliseconds\":[");
  for (int i = 0; i < count; i++) {
    long long from = ((long long)rand() * 4096) % (size - length);
    double begun = now();
    if (fd < 0) fd = dial(target);
    ask(fd, target, from, length, 1);
    double first = read_head(fd, &head);
    if (head.size != length) fail("another range than was asked for");
    for (long long got = head.body; got < length;) {
      ssize_t more = recv(fd, buffer, BUFFER, 0);
      if (more <= 0) fail("the range ended too early");
      got += more;
    }
    printf("%s%.4f", i ? "," : "", (first - begun) * 1e3);
    if (head.closes) {
      close(fd);
      fd = -1;
    }
  }
  printf("]}\n");
}

/* One look at a stream: the head, then as much as a player would have taken by now. Gives how late it is, in seconds. */
static double pace(struct stream *stream, double rate) {
  if (stream->first == 0) {
    int count = recv(stream->fd, stream->head.text + stream->head.length, HEAD - 1 - stream->head.length, 0);
    if (count == 0) fail("no answer");
    if (count < 0 || !take_head(&stream->head, count)) return 0;
    stream->first = now();
    stream->got = stream->head.body;
  }
  double due = rate * (now() - stream->first);
  if (due > stream->head.size) due = stream->head.size;
  while (stream->got < due && !stream->ended) {
    long wanted = due - stream->got < BUFFER ? (long)(due - stream->got) : BUFFER;
    ssize_t count = wanted < 1 ? -1 : recv(stream->fd, buffer, wanted, MSG_TRUNC);
    if (count == 0 || (count < 0 && wanted >= 1 && errno != EAGAIN)) stream->ended = 1;
    if (count <= 0) break;
    stream->got += count;
  }
  return due > stream->got ? (due - stream->got) / rate : 0;
}

static void paced(const struct target *target, int streams, double rate, double seconds) {
  struct stream *all = calloc(streams, sizeof *all);
  double begun = now(), worst = 0;
  for (int i = 0; i < streams; i++) {
    all[i].begun = now();
    all[i].fd = dial(target);
    ask(all[i].fd, target, 0, 0, 0);
    fcntl(all[i].fd, F_SETFL, O_NONBLOCK);
  }
  while (now() - begun < seconds) {
    double tick = now();
    int waiting = 0;
    for (int i = 0; i < streams; i++) {
      double late = pace(&all[i], rate);
      if (late > worst) worst = late;
      waiting += all[i].first == 0;
    }
    double rest = (waiting ? 0.001 : 0.02) - (now() - tick);
    if (rest > 0) usleep((useconds_t)(rest * 1e6));
  }
  long long bytes = 0;
  int ended = 0, unanswered = 0;
  printf("{\"first\":[");
  for (int i = 0; i < streams; i++) {
    bytes += all[i].got;
    ended += all[i].ended;
    unanswered += all[i].first == 0;
    printf("%s%.4f", i ? "," : "", (all[i].first == 0 ? seconds : all[i].first - all[i].begun) * 1e3);
  }
  printf("],\"bytes\":%lld,\"worstLate\":%.2f,\"ended\":%d,\"unanswered\":%d}\n", bytes, worst * 1e3, ended, unanswered);
}

static void hold(const struct target *target) {
  static struct head head;
  int fd = dial(target);
  ask(fd, target, 0, 0, 0);
  read_head(fd, &head);
  for (long long got = head.body; got < 65536;) {
    ssize_t count = recv(fd, buffer, 65536 - got, 0);
    if (count <= 0) fail("the body ended too early");
    got += count;
  }
  printf("holding\n");
  fflush(stdout);
  while (read(0, buffer, BUFFER) > 0) continue;
  ssize_t more = recv(fd, buffer, BUFFER, MSG_DONTWAIT);
  if (more <= 0) fail("the stalled stream broke");
  printf("held\n");
}

int main(int count, char **words) {
  if (count < 6) fail("see the head of the source");
  struct target target = { .host = words[4], .path = words[5] };
  target.address.sin_family = AF_INET;
  target.address.sin_port = htons(atoi(words[3]));
  if (inet_pton(AF_INET, words[2], &target.address.sin_addr) != 1) fail("no address");
  srand(7);
  if (!strcmp(words[1], "get") && count == 7) get(&target, atoll(words[6]));
  else if (!strcmp(words[1], "ttfb") && count == 9) ranges(&target, atoll(words[6]), atoi(words[7]), atoi(words[8]));
  else if (!strcmp(words[1], "paced") && count == 9) paced(&target, atoi(words[6]), atof(words[7]), atof(words[8]));
  else if (!strcmp(words[1], "hold")) hold(&target);
  else fail("see the head of the source");
  return 0;
}
