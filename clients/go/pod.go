package riverbeat

import (
	"context"
	"errors"
	"log/slog"
	"os"

	"github.com/jackc/pgx/v5"
)

// Variables of the environment that name the pod. The prefix keeps a POD_NAME that was set for something else from being taken for
// a proof of where this process runs.
const (
	podNamespaceVariable = "RIVERKEEPER_POD_NAMESPACE"
	podNameVariable      = "RIVERKEEPER_POD_NAME"
	podUIDVariable       = "RIVERKEEPER_POD_UID"
	longestPodName       = 253
)

// pod is where this process runs, as its environment names it; nil for what is not known.
type pod struct {
	namespace, name, uid, host *string
}

// readPod is nil where the environment names no pod.
func readPod() *pod {
	found := pod{
		namespace: fitName(os.Getenv(podNamespaceVariable)), name: fitName(os.Getenv(podNameVariable)),
		uid: fitName(os.Getenv(podUIDVariable)),
	}
	if found == (pod{}) {
		return nil
	}
	if host, err := os.Hostname(); err == nil {
		found.host = fitName(host)
	}
	return &found
}

// fitName is nil for what can be no name of Kubernetes: every encoding of a database has its characters, and no column is too short.
func fitName(value string) *string {
	if value == "" || len(value) > longestPodName {
		return nil
	}
	for _, letter := range []byte(value) {
		isName := letter == '-' || letter == '.' || '0' <= letter && letter <= '9' ||
			'a' <= letter && letter <= 'z' || 'A' <= letter && letter <= 'Z'
		if !isName {
			return nil
		}
	}
	return &value
}

// reportPod sends the pod once, and once more after beats have failed: the row of this process may be another one by then. No
// beat fails by it, and a failure is not tried again: each would cost the beats their connection.
func (b *Beater) reportPod(ctx context.Context) {
	if b.podReported || b.pod == nil || b.Metadata {
		return
	}
	b.podReported = true
	err := b.connection.use(ctx, b.lastLimit(), func(ctx context.Context, conn *pgx.Conn) error {
		sql, err := b.checkedStatements(ctx, conn)
		if err != nil {
			return err
		}
		return query(ctx, conn, sql.pod, map[string]any{
			"instance": b.instance, "pod_namespace": b.pod.namespace, "pod_name": b.pod.name,
			"pod_uid": b.pod.uid, "host": b.pod.host,
		}, drained)
	})
	if err != nil && !errors.Is(err, context.Canceled) {
		b.log.Warn("riverbeat: the pod of this process was not reported; beats continue",
			slog.String("reason", refusalReason(err)), slog.Any("error", err))
	}
}
