/** Seconds of CPU that this process has had: they don't go on while it stands still, or others are busy. */
export function ownTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
