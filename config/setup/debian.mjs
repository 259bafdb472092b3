import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { SetupError, runOrFail } from './common.mjs';

// Services must not start: neither by the installation, nor, on a machine run by systemd, at the next boot.
const INSTALL = `set -eu
services=$1; shift
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  trap 'exit 1' HUP INT TERM
  printf '#!/bin/sh\\nexit 101\\n' >"$policy"
  chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -q -o DPkg::Lock::Timeout=600 update || true
apt-get -q -y -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0 install --no-install-recommends "$@"
if [ -d /run/systemd/system ]; then
  for service in $services; do systemctl disable --now "$service" || true; done
fi
`;

/** Installs Debian packages of these groups of config/packages.json that are missing, or says in one line which. */
export function ensurePackages(groups) {
  const config = JSON.parse(readFileSync(new URL('../packages.json', import.meta.url), 'utf8'));
  const missing = missingPackages(groups.flatMap((group) => config[group]));
  if (missing.length === 0) return;
  const command = `apt-get install --no-install-recommends ${missing.join(' ')}`;
  const services = missing.flatMap((name) => config.services[name] ?? []).join(' ');
  console.error(`installing Debian packages: ${missing.join(' ')} …`);
  const argv = ['sh', '-c', INSTALL, 'sh', services, ...missing];
  const failure = `these Debian packages can't be installed: ${missing.join(' ')}`;
  if (process.getuid?.() === 0) runOrFail(argv[0], argv.slice(1), failure);
  else if (spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status === 0) runOrFail('sudo', ['-n', ...argv], failure);
  else throw new SetupError(`missing for the tests, and neither root nor sudo to install it: ${command}`);
}

function missingPackages(names) {
  const query = spawnSync('dpkg-query', ['-W', '-f', '${Package} ${db:Status-Status}\\n', ...names], { encoding: 'utf8' });
  if (query.error) throw new SetupError(`the tests run on Debian, with the packages ${names.join(' ')}`);
  const installed = new Set(query.stdout.split('\n').filter((line) => line.endsWith(' installed')).map((line) => line.split(' ')[0]));
  return names.filter((name) => !installed.has(name));
}
