import { playbackRig } from '../support/playback-rig.ts';
import { describePlaybackControl } from './playback-control.suite.ts';

describePlaybackControl('over a player that goes on by itself', async () => playbackRig());
describePlaybackControl('over a slow player that is told each title', async () => playbackRig({ preload: false, lazy: true, buffering: 300 }));
