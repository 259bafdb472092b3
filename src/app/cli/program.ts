import { Command, CommanderError, Option } from 'commander';
import { XpmnError, asXpmnError } from '../../xpmn/kernel/errors.ts';
import { printable } from '../text.ts';
import { deviceName, machineName, positive, usage, whole } from './arguments.ts';
import { pressButton } from './button-command.ts';
import { CliContext } from './context.ts';
import type { GlobalOptions } from './context.ts';
import { exitStatus } from './exit-status.ts';
import { parseByteRange, parseServer } from './file-name.ts';
import { get, showUrl } from './get.ts';
import type { CliDeps } from './io.ts';
import { changeKeyPassword, handOverKey, lockKey, unlockKey } from './key-commands.ts';
import type { KeyPasswordFlags } from './key-commands.ts';
import { browse, listDevices, showStatus } from './look.ts';
import { joinNetwork, keepDevice, removeDevice, startPairing } from './pair-commands.ts';
import type { StartFlags } from './pair-commands.ts';
import { addPlaying } from './player-program.ts';
import { joinByShownPin } from './shown-pin.ts';
import { backup, exportCredentials, importCredentials, init, restore } from './setup-commands.ts';

const PASSWORD_FILE = ['--password-file <file>', 'read the password from the first line of a file, - is standard input; without it, it is asked for'] as const;
const SERVER = ['--server <host:port>', 'where to connect, instead of what DNS says', usage(parseServer)] as const;
const CA = ['--ca <file>', 'PEM certificates to trust for the server, instead of the system\'s'] as const;
const YES = ['--yes', 'do not ask whether to go on with --replace'] as const;
const DEVICE = 'a device: its full JID, its id, its name, or the beginning of one of these two or of a word in its name';
const EXIT = `
Exit status: 0 done, 1 refused or failed, 2 wrong usage, 3 could not reach, 4 not paired or not trusted.`;

/** Runs one command line; resolves to the exit status. Never rejects. */
export async function runCli(argv: readonly string[], deps: CliDeps): Promise<number> {
  const root = program(deps);
  try {
    await root.parseAsync(argv, { from: 'user' });
    return 0;
  } catch (thrown) {
    if (thrown instanceof CommanderError && (thrown.exitCode === 0 || thrown.code === 'commander.help')) return thrown.exitCode === 0 ? 0 : 2;
    const error = thrown instanceof CommanderError ? usageError(thrown, meantCommand(root, argv)) : asXpmnError(thrown);
    deps.stderr.write(`xpmn: ${error.code}: ${printable(error.message)}\n`);
    return exitStatus(error);
  }
}

function usageError(thrown: CommanderError, command: Command): XpmnError {
  // `xpmn pause tv` is what comes to mind.
  const isPlayer = thrown.code === 'commander.excessArguments' && command.options.some(({ long }) => long === '--on');
  return new XpmnError('usage', `${usageSentence(thrown)}${isPlayer ? ' A player is named with --on.' : ''} See \`${pathOf(command)} --help\`.`);
}

function usageSentence({ message }: CommanderError): string {
  return message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' ').replace(/[^.]$/, '$&.');
}

/** As far as the words name one. */
function meantCommand(root: Command, argv: readonly string[]): Command {
  return argv.reduce((command, word) => command.commands.find((one) => one.name() === word) ?? command, root);
}

/** `xpmn credentials export` */
function pathOf(command: Command): string {
  return command.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name();
}

/** Without `[options]`, which all have, so that there is room for what a command does. */
function termOf(command: Command): string {
  const words = command.registeredArguments.map((one) => {
    const name = `${one.name()}${one.variadic ? '...' : ''}`;
    return one.required ? `<${name}>` : `[${name}]`;
  });
  return [command.name(), ...words].join(' ');
}

function program(deps: CliDeps): Command {
  const root = new Command('xpmn')
    .description('Your media devices as one network that is yours: end-to-end encrypted, reachable from anywhere over XMPP.')
    .version(deps.version)
    .option('--home <dir>', 'state directory (else $XPMN_HOME, else xpmn in the XDG state directory)')
    .option('--json', 'answer with one JSON document')
    .addHelpText('after', EXIT)
    .configureHelp({ showGlobalOptions: true, subcommandTerm: termOf })
    .exitOverride()
    .configureOutput({ writeOut: (text) => void deps.stdout.write(text), writeErr: (text) => void deps.stderr.write(text), outputError: () => undefined });
  const context = (): CliContext => new CliContext(deps, root.opts<GlobalOptions>());
  addDaemon(root, deps, context);
  addLooking(root, context);
  addPlaying(root, context);
  addSetup(root, context);
  addPairing(root, context);
  addKey(root, context);
  return root;
}

function addDaemon(root: Command, deps: CliDeps, context: () => CliContext): void {
  root
    .command('daemon')
    .description('Run the gateway in the foreground. It needs no configuration; all other commands talk to it.')
    .option('--config <file>', 'settings over the shipped ones (else config.json in the state directory)')
    .addOption(new Option('--log <format>', 'how to log on standard error').choices(['text', 'json']))
    .addOption(new Option('--log-level <level>', 'what to log').choices(['debug', 'info', 'warn', 'error']))
    .action(async ({ config, log, logLevel }: { config?: string; log?: string; logLevel?: string }) => {
      const [{ runDaemon }, parts] = [await import('../daemon.ts'), await deps.loadGateway()];
      await runDaemon({ ...deps, ...parts }, { home: context().home, configFile: config, logFormat: log, logLevel }, { signal: deps.signal });
    });
}

function addLooking(root: Command, context: () => CliContext): void {
  root.command('status').description('What runs, whether it is connected, and what is wrong.').action(() => showStatus(context()));
  root.command('devices').description('The devices of the media network, and how they are reached.').action(() => listDevices(context()));
  root
    .command('browse')
    .description('What a device has: the top of its library, or one container of it. Lines end in what the next command takes.')
    .argument('<device>', DEVICE, usage(deviceName))
    .argument('[container]', 'the id of a container, as browse lists them')
    .option('--offset <n>', 'leave out so many first', whole)
    .option('--limit <n>', 'list so many at most (else all)', positive)
    .action((device: string, container: string | undefined, options: { offset?: number; limit?: number }) => browse(context(), device, container, options));
  root
    .command('get')
    .description('Fetch a media item into a file. Run again after an interruption, it goes on where it stopped.')
    .argument('<uri>', 'the item, as browse lists it: xmpp:…?transfer;uid=…')
    .option('-o, --output <file>', 'where to (else a new file here, named by the item)')
    .option('--range <a-b>', 'only these bytes, both inclusive; A- is all from A on', usage(parseByteRange))
    .action((uri: string, options: { output?: string; range?: ReturnType<typeof parseByteRange> }) => get(context(), uri, options));
  root
    .command('url')
    .description('A URL for a media item that any player on this machine can open. It expires when it is unused for long.')
    .argument('<uri>', 'the item, as browse lists it: xmpp:…?transfer;uid=…')
    .action((uri: string) => showUrl(context(), uri));
}

function addSetup(root: Command, context: () => CliContext): void {
  root
    .command('init')
    .description('Make the media network, or extend it to an XMPP account: nothing has to be paired again. Best is an account of its own.')
    .option('--jid <jid>', 'the account, like you@example.org; without it the network is local-only')
    .option(...PASSWORD_FILE)
    .option(...SERVER)
    .option(...CA)
    .option('--name <name>', 'what this machine is called from now on (else as it was, or its host name)', usage(machineName))
    .option('--no-check', 'do not try the account first')
    .option('--replace', 'move the network here from the account that it is in, with its devices and keys')
    .option(...YES)
    .action((options: Parameters<typeof init>[1]) => init(context(), options));
  const credentials = root.command('credentials').description('Make another machine part of the network by a file that you carry there.');
  credentials
    .command('export')
    .description('Make a new device of the network, in a file under a password. Only where the network is managed.')
    .argument('<file>', 'the new file')
    .option(...PASSWORD_FILE)
    .option('--name <name>', 'what the other machine is called (else as the file)', usage(machineName))
    .action((file: string, options: { passwordFile?: string; name?: string }) => exportCredentials(context(), file, options));
  credentials
    .command('import')
    .description('Make this machine the device that the file holds.')
    .argument('<file>', 'the file that export made')
    .option(...PASSWORD_FILE)
    .option('--no-check', 'do not try the account in the file first')
    .option('--replace', 'leave the media network that this machine is part of, for ever')
    .option(...YES)
    .action((file: string, options: Parameters<typeof importCredentials>[2]) => importCredentials(context(), file, options));
  root
    .command('backup')
    .description('Write the key of the media network, and what is known of it, into a file under a password. Only where the network is managed.')
    .argument('<file>', 'the new file')
    .option(...PASSWORD_FILE)
    .action((file: string, options: { passwordFile?: string }) => backup(context(), file, options));
  root
    .command('restore')
    .description('Make this machine the one that manages the network, from a backup: the other is lost, or retired.')
    .argument('<file>', 'the file that backup made')
    .option(...PASSWORD_FILE)
    .option('--login-password-file <file>', 'read the account\'s password from the first line of a file, - is standard input: where the backup has none, or an old one')
    .option('--name <name>', 'what this machine is called (else its host name)', usage(machineName))
    .option('--no-check', 'do not ask the account in the file what has happened since: who joined later is shut out')
    .option('--replace', 'leave the media network that this machine is part of, for ever')
    .option(...YES)
    .action((file: string, options: Parameters<typeof restore>[2]) => restore(context(), file, options));
}

function addPairing(root: Command, context: () => CliContext): void {
  const pair = root.command('pair').description('Add a machine to the media network by a PIN: on the same local network, or through its XMPP account.');
  pair
    .command('start')
    .description('On a machine that is in the network: show a PIN for the new one, and wait for it.')
    .option('--pin-file <file>', 'take the PIN from the first line of a file, - is standard input; without it, one is made')
    .option('--pin', 'ask for the PIN that the new machine shows (`xpmn pair join --show-pin` there), instead of showing one')
    .action((options: StartFlags) => startPairing(context(), options));
  pair
    .command('join')
    .description('On the new machine: find the network, and become a device of it.')
    .argument('[network]', 'which one, where there are several: its name, its id, or the JID of one of its devices')
    .option('--jid <jid>', 'the XMPP account that the network is in, like you@example.org: this machine may be anywhere then')
    .option(...PASSWORD_FILE)
    .option(...SERVER)
    .option(...CA)
    .option('--pin-file <file>', 'read the PIN from the first line of a file, - is standard input; without it, it is asked for')
    .option('--show-pin', 'show a PIN here, on the same local network, and wait for the machine on which it is typed: `xpmn pair start --pin`')
    .option('--name <name>', 'what this machine is called (else its host name)', usage(machineName))
    .option('--replace', 'leave the media network that this machine is part of, for ever')
    .option(...YES)
    .action((network: string | undefined, { showPin, ...options }: Parameters<typeof joinNetwork>[2] & { showPin?: true }) => (showPin ? joinByShownPin : joinNetwork)(context(), network, options));
  pair
    .command('button')
    .description('On both machines, within two minutes: pair the two on this local network whose buttons are pressed. Nothing is proven.')
    .option('--name <name>', 'what this machine is called in the network of the other, if it is the new one (else its host name)', usage(machineName))
    .action((options: { name?: string }) => pressButton(context(), options));
  root
    .command('remove')
    .description('Remove a device from the media network, for ever: lost, sold, or not trusted any more.')
    .argument('<device>', DEVICE, usage(deviceName))
    .option('--yes', 'do not ask whether to go on')
    .action((device: string, options: { yes?: true }) => removeDevice(context(), device, options));
  root
    .command('keep')
    .description('After a restore: take a machine in again that joined after the backup was made. xpmn status names it.')
    .argument('<device>', DEVICE, usage(deviceName))
    .action((device: string) => keepDevice(context(), device));
}

function addKey(root: Command, context: () => CliContext): void {
  const key = root.command('key').description('Keep the key of the media network under a password, or give it to another machine. Only where the network is managed.');
  key
    .command('lock')
    .description('Let go of the key until it is unlocked; the first time, it gets a password. The network goes on meanwhile.')
    .option('--password-file <file>', 'the first time: read the password from the first line of a file, - is standard input; without it, it is asked for')
    .action((options: { passwordFile?: string }) => lockKey(context(), options));
  key
    .command('unlock')
    .description('Put the key at hand, so that machines can be added and removed, and do what has waited for it.')
    .option(...PASSWORD_FILE)
    .action((options: { passwordFile?: string }) => unlockKey(context(), options));
  key
    .command('password')
    .description('Set, change or remove the password of the key.')
    .option('--password-file <file>', 'read the present password from the first line of a file, - is standard input; without it, it is asked for')
    .option('--new-password-file <file>', 'the same for the new password')
    .option('--remove', 'the key lies on the disk without a password again')
    .action((options: KeyPasswordFlags) => changeKeyPassword(context(), options));
  key
    .command('hand-over')
    .description('Let another machine manage the network in the place of this one. Both have to be reachable; broken off, run it again.')
    .argument('<device>', DEVICE, usage(deviceName))
    .option('--yes', 'do not ask whether to go on')
    .action((device: string, options: { yes?: true }) => handOverKey(context(), device, options));
}
