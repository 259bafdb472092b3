import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';

const TICKS = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
const PAGE = Number(execFileSync('getconf', ['PAGESIZE'], { encoding: 'utf8' }));

interface Row {
  readonly pid: number;
  readonly parent: number;
  /** Seconds, of itself and of its children that have ended. */
  readonly cpu: number;
}

/** The fields of `/proc/PID/stat`; the name, in brackets, may hold anything. */
export function parseStat(text: string, ticks = TICKS): Row {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const seconds = [11, 12, 13, 14].reduce((sum, index) => sum + Number(fields[index]), 0) / ticks;
  return { pid: Number.parseInt(text, 10), parent: Number(fields[1]), cpu: seconds };
}

/** CPU seconds that processes and all their descendants have used so far. */
export function cpuOf(pids: readonly number[]): number {
  const rows = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((name) => readStat(Number(name)) ?? []);
  let sum = 0;
  const open = [...pids];
  for (let pid = open.pop(); pid !== undefined; pid = open.pop()) {
    sum += rows.find((row) => row.pid === pid)?.cpu ?? 0;
    for (const row of rows) if (row.parent === pid) open.push(row.pid);
  }
  return sum;
}

/** What the threads of a process have done so far. */
export interface Activity {
  /** Seconds of CPU, counted in nanoseconds: `cpuOf` is too coarse for a process that does next to nothing. */
  readonly cpu: number;
  /** Times that a thread had nothing to do and slept: as often it was woken. */
  readonly sleeps: number;
}

/** Of the threads that are there: those of a daemon stay. */
export function activityOf(pid: number): Activity {
  const threads = readdirSync(`/proc/${pid}/task`).map((thread) => `/proc/${pid}/task/${thread}`);
  return {
    cpu: threads.reduce((sum, thread) => sum + Number(readFileSync(`${thread}/schedstat`, 'utf8').split(' ')[0]) / 1e9, 0),
    sleeps: threads.reduce((sum, thread) => sum + Number(/^voluntary_ctxt_switches:\s*(\d+)/m.exec(readFileSync(`${thread}/status`, 'utf8'))?.[1]), 0),
  };
}

/** Bytes of memory that a process has in use now. */
export function memoryOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * PAGE;
}

/** The most that a process ever used since `forgetPeak`, in bytes. */
export function peakOf(pid: number): number {
  const kilobytes = /^VmHWM:\s*(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kilobytes) * 1024;
}

export function forgetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

/** A process may end while it is looked at. */
function readStat(pid: number): Row | undefined {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}
