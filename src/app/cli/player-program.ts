import type { Command } from 'commander';
import { deviceName, usage } from './arguments.ts';
import type { CliContext } from './context.ts';
import { showNow } from './now.ts';
import { play } from './play.ts';
import type { PlayFlags } from './play.ts';
import { seek, setMute, setVolume, tellPlayer } from './player-commands.ts';
import type { PlayerFlags } from './player-commands.ts';
import { parsePosition, parseSeekTarget, parseSwitch, parseVolume } from './positions.ts';

const ON = ['--on <device>', 'which player: its full JID, its id, its name, or the beginning of one of these two or of a word in its name; not needed where there is only one', usage(deviceName)] as const;

const PLAIN = [
  ['pause', 'pause', 'Pause what a player plays.'],
  ['resume', 'play', 'Go on with what a player has.'],
  ['stop', 'stop', 'Stop what a player plays.'],
  ['next', 'next', 'Go to the next title of the list.'],
  ['previous', 'previous', 'Go back to the previous title of the list.'],
] as const;

const PLAY_EXAMPLES = `
Examples:
  xpmn play 'xmpp:…?transfer;uid=…' --on TV  an item, as browse lists it
  xpmn play CONTAINER --of NAS --on TV       what is in a container
  xpmn play ~/Music/Album song.mp3 --on TV   folders and files of this machine`;

export function addPlaying(root: Command, context: () => CliContext): void {
  root
    .command('play')
    .description('Play something on a player of the network, wherever the two are. Without anything to play, go on with what the player has, as resume does.')
    .argument('[uri...]', 'items as browse lists them (xmpp:…?transfer;uid=…), files and folders of this machine, playlists of files (M3U, PLS, XSPF), URLs (http, https); in this order')
    .option(...ON)
    .option('--of <device>', 'what is named are containers of this device, as browse lists them: the items in each, one after another', usage(deviceName))
    .option('--from <pos>', 'where to begin in the first: 90, 1:30, 1:02:03', usage(parsePosition))
    .option('--no-wait', 'end when the player has taken it, and not when it plays')
    .addHelpText('after', PLAY_EXAMPLES)
    .action((uris: string[], options: PlayFlags) => play(context(), uris, options));
  for (const [name, command, description] of PLAIN) {
    root.command(name).description(description).option(...ON).action((options: PlayerFlags) => tellPlayer(context(), command, options));
  }
  root
    .command('seek')
    .description('Go to another place in what plays.')
    .argument('<pos>', '90, 1:30 or 1:02:03 from the start; +10 or -10 from here; 50% of the whole', usage(parseSeekTarget))
    .option(...ON)
    // What begins with a minus, and is no option, is a place before this one.
    .allowUnknownOption()
    .action((target: ReturnType<typeof parseSeekTarget>, options: PlayerFlags) => seek(context(), target, options));
  root
    .command('volume')
    .description('Set how loud a player is.')
    .argument('<volume>', '0 to 100; +5 is louder, -5 softer', usage(parseVolume))
    .option(...ON)
    .allowUnknownOption()
    .action((wanted: ReturnType<typeof parseVolume>, options: PlayerFlags) => setVolume(context(), wanted, options));
  root
    .command('mute')
    .description('Silence a player, or let it be heard again.')
    .argument('<on|off>', 'on: it is not heard; off: it is', usage(parseSwitch))
    .option(...ON)
    .action((value: boolean, options: PlayerFlags) => setMute(context(), value, options));
  root
    .command('now')
    .description('What a player plays, where in it, how loud, and who has opened it.')
    .option(...ON)
    .option('--watch', 'go on showing it until Ctrl-C; with --json, a line for each change')
    .action((options: PlayerFlags & { watch?: true }) => showNow(context(), options));
}
