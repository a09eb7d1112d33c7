// Package rivermiddleware makes the jobs of a River client beat, and puts the fencing token on their results. It works with
// River 0.19 and newer; this module requires rivertype only, so it never changes the version of your River.
//
// One line in the configuration (River 0.41 and newer: see the package riverplugin, which also beats from the start):
//
//	beats := rivermiddleware.New(pool, rivermiddleware.Fenced(river.MetadataSet))
//	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{
//		Middleware: []rivertype.Middleware{beats},
//		// ...
//	})
//	beats.Start(client.ID()) // an idle worker beats too
//
// and, where a job knows how far it is, in its Work:
//
//	riverbeat.Progress(ctx, 0.4, "page 4 of 10")
//
// # The fence
//
// River for Go writes a result by job id and "running" alone. A worker whose job was rescued in the meantime would therefore
// finish, fail, snooze or cancel the next attempt of it. What stands against that depends on your River and your database:
//
//   - [Fenced], for River 0.39 and newer: every result carries the claim that it belongs to. Where the fence is installed
//     (riverkeeper schema fence install), the database drops the result of a claim that was lost, in every outcome. Where it
//     is not, the client is plain, and logs that once.
//   - [Plain], for older ones: a late result may be written into the next attempt. Riverkeeper reads that, and waits longer
//     before it lets a rescued job run. If river.MetadataSet does not compile, your River is one of these.
//
// Neither covers what a job does elsewhere: check the claim in the transaction that has the effect, with [VerifyClaim]. That holds
// for river.JobCompleteTx too: River gives no error for a result that was dropped.
//
// Put the middleware first in the list, so that what the others do is covered too. The result of a batch (River Pro) brings
// the claim of each of its jobs; a batch of more than 200 jobs is not fenced.
package rivermiddleware
