// Package riverplugin is rivermiddleware for River 0.41 and newer, in one line: results carry the fencing token, and the
// process beats from its start, also while it has no job.
//
//	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{
//		Plugins: []rivertype.Plugin{riverplugin.New(pool)},
//		// ...
//	})
//
// River has no hook for the start of a client. What comes nearest is the metric that it emits at every fetch, also of no job,
// at the latest one FetchPollInterval after the start: from it the client's id is known. A client whose queues are all paused
// fetches nothing, and beats from its first fetch on.
package riverplugin
