// Package rivermiddleware makes the jobs of a River client beat, and keeps the late result of a lost job in. It works
// with River 0.19 and newer; this module asks for rivertype only, so it never moves your River.
//
// One line in the configuration:
//
//	river.NewClient(riverpgxv5.New(pool), &river.Config{
//		Middleware: []rivertype.Middleware{rivermiddleware.New(pool, rivermiddleware.Exact(river.MetadataSet))},
//		// ...
//	})
//
// and, where a job knows how far it is, in its Work:
//
//	riverbeat.Progress(ctx, 0.4, "page 4 of 10")
//
// # The fence
//
// River writes a result by job id and "running" alone. A worker whose job was rescued in the meantime would therefore
// finish, fail, snooze or cancel the next attempt of it. Which fence stands against that has to be said, because it
// depends on your River:
//
//   - [Exact] for River 0.39 and newer: the late result is not written at all. It leans on something that River does
//     not promise (a metadata value that cannot be marshalled makes it drop the result, and log an error); tests pin
//     it for 0.39, 0.40, 0.48 and 0.51. If river.MetadataSet does not compile, your River is older.
//   - [Bounded] for older ones: the result is held until it would be ignored, for ten seconds at most. A second attempt that
//     is already at work can still be hit then. The keeper is told, and waits longer before it lets a rescued job run.
//
// Neither covers what a job does elsewhere: check the claim in the transaction that has the effect, with [Hold].
//
// Put the middleware first in the list, so that what the others do is covered too. Results of soft batches (River Pro)
// are kept in or let out together with their leader's.
package rivermiddleware
