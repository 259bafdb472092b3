import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { ROOT, npm } from './common.mjs';

const at = (path) => new URL(path, ROOT);
const STAMP = at('dist/.sources');
const SOURCES = ['src', 'config', 'package-lock.json', 'tsconfig.json'];

/** Installs the npm packages if what is installed is not what the lock file says. */
export function ensureModules() {
  if (modulesMatch()) return;
  console.error('installing npm packages …');
  npm(['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'], 'npm ci failed: see above');
}

/** npm leaves node_modules/.package-lock.json, last of all, as the stamp of what it installed. */
function modulesMatch() {
  const stamp = at('node_modules/.package-lock.json');
  if (!existsSync(stamp)) return false;
  const wanted = JSON.parse(readFileSync(at('package-lock.json'), 'utf8')).packages;
  const installed = JSON.parse(readFileSync(stamp, 'utf8')).packages;
  return (
    Object.keys(installed).every((path) => path in wanted) &&
    Object.entries(wanted).every(([path, { version, integrity, optional, os, cpu }]) => {
      const found = installed[path];
      // an optional package for another platform is rightly absent
      if (path === '' || (!found && optional && isForeign(os, cpu))) return true;
      return found?.version === version && found?.integrity === integrity;
    })
  );
}

function isForeign(os = [process.platform], cpu = [process.arch]) {
  return !os.includes(process.platform) || !cpu.includes(process.arch);
}

/** Builds if the sources are not those that dist was made of; by content, as a checkout makes every date new. */
export function ensureBuilt() {
  const sources = hashSources();
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === sources) return;
  console.error('building …');
  rmSync(at('dist'), { recursive: true, force: true });
  npm(['run', '--silent', 'build'], 'the build failed: see above');
  writeFileSync(STAMP, sources);
}

function hashSources() {
  const hash = createHash('sha256');
  for (const path of SOURCES.flatMap(filesUnder)) {
    hash.update(`${path}\0`).update(createHash('sha256').update(readFileSync(at(path))).digest());
  }
  return hash.digest('hex');
}

function filesUnder(path) {
  if (!statSync(at(path)).isDirectory()) return [path];
  return readdirSync(at(path))
    .sort()
    .flatMap((name) => filesUnder(`${path}/${name}`));
}
