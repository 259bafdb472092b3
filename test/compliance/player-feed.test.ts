import { randomBytes } from 'node:crypto';
import { NAS, startFeed } from '../support/feed-rig.ts';
import { formatMediaUri } from '../../src/xpmn/model/media-uri.ts';
import { describePlayerFeed } from './player-feed.suite.ts';

// What is under test is made by createPlayerFeed, in startFeed.
describePlayerFeed('the media port\'s', async () => {
  const { feed, port, library } = await startFeed();
  const text = '#EXTM3U\n#EXTINF:1,Żółw\nxmpp:x\n';
  library.addItem('film', 'Film', randomBytes(70_001));
  library.addItem('list', 'List', Buffer.from(text), { type: 'audio/x-mpegurl' });
  const uri = (uid: string): string => formatMediaUri({ device: NAS, uid });
  return {
    feed,
    film: { uri: uri('film'), size: 70_001, mimeType: 'video/mp4', title: 'Film' },
    list: { uri: uri('list'), text },
    missing: uri('missing'),
    close: () => port.stop(),
  };
});
