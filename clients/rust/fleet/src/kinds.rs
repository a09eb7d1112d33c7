//! The kinds of job, as the fleet in Go names them.

use std::future::pending;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use riverqueue::{BoxError, Job, JobArgs, JobCancelError, JobRow, WorkCancelled, WorkContext, WorkOutcome, Workers};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;

/// Ends at once.
#[derive(Clone, Debug, Deserialize, JobArgs, Serialize)]
#[river(kind = "short")]
struct Short {}

/// Works until it is cancelled, and reports progress each second; its second attempt is done at once.
#[derive(Clone, Debug, Deserialize, JobArgs, Serialize)]
#[river(kind = "steady")]
struct Steady {}

/// Reports progress once and then hangs until it is cancelled; its second attempt is done at once.
#[derive(Clone, Debug, Deserialize, JobArgs, Serialize)]
#[river(kind = "stalled")]
struct Stalled {}

/// Reports progress once and then hangs, whatever its token says; its second attempt is done at once.
#[derive(Clone, Debug, Deserialize, JobArgs, Serialize)]
#[river(kind = "deaf")]
struct Deaf {}

/// Saves three steps and fails, saves three more and panics; it is done by the attempt that finds the sixth.
#[derive(Clone, Debug, Deserialize, JobArgs, Serialize)]
#[river(kind = "steps")]
struct Steps {}

/// Hangs, whatever its token says, until the file of `-gate` exists. Then it ends in the way that its id chooses.
#[derive(Clone, Debug, Deserialize, JobArgs, Serialize)]
#[river(kind = "hanging")]
struct Hanging {}

pub(crate) fn workers(pool: &PgPool, gate: &str) -> Result<Workers, riverqueue::Error> {
    let mut workers = Workers::new();
    workers.add_fn(async |_: WorkContext, _: Job<Short>| Ok::<_, BoxError>(WorkOutcome::Complete))?;
    workers.add_fn(|context, job: Job<Steady>| first_attempt(job.row, report_each_second(context)))?;
    workers.add_fn(|context: WorkContext, job: Job<Stalled>| {
        first_attempt(job.row, async move {
            riverbeat::progress(0.1, "stalled on purpose");
            context.cancellation_token().cancelled().await;
            Err(WorkCancelled.into())
        })
    })?;
    workers.add_fn(|_: WorkContext, job: Job<Deaf>| {
        first_attempt(job.row, async {
            riverbeat::progress(0.1, "deaf on purpose");
            pending().await
        })
    })?;
    workers.add_fn(|_: WorkContext, _: Job<Steps>| go_on())?;
    let late = Arc::new(Late { pool: pool.clone(), gate: PathBuf::from(gate) });
    workers.add_fn(move |context, job: Job<Hanging>| {
        let late = Arc::clone(&late);
        async move { late.end(&context, &job.row).await }
    })?;
    Ok(workers)
}

async fn first_attempt(
    job: JobRow,
    work: impl Future<Output = Result<WorkOutcome, BoxError>>,
) -> Result<WorkOutcome, BoxError> {
    if job.attempt > 1 { Ok(WorkOutcome::Complete) } else { work.await }
}

async fn go_on() -> Result<WorkOutcome, BoxError> {
    let first = riverbeat::resume::<u32>().await?.unwrap_or(0);
    for step in first..6 {
        riverbeat::checkpoint(&(step + 1))?;
        if step + 1 == 3 {
            return Err("failed after the third step".into());
        }
        assert!(step + 1 < 6, "panicked after the sixth step");
    }
    Ok(WorkOutcome::Complete)
}

async fn report_each_second(context: WorkContext) -> Result<WorkOutcome, BoxError> {
    for second in 1_u32.. {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(1)) => {
                riverbeat::progress(f64::from(second % 100) / 100.0, &format!("second {second}"));
            }
            () = context.cancellation_token().cancelled() => return Err(WorkCancelled.into()),
        }
    }
    Ok(WorkOutcome::Complete)
}

struct Late {
    pool: PgPool,
    gate: PathBuf,
}

impl Late {
    /// In every way that a job of River for Rust can end.
    async fn end(&self, context: &WorkContext, job: &JobRow) -> Result<WorkOutcome, BoxError> {
        while !self.gate.exists() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        match job.id % 8 {
            0 => Err("failed on purpose".into()),
            1 => Ok(WorkOutcome::Snooze(Duration::from_hours(1))),
            2 => Ok(WorkOutcome::Cancel),
            3 => Ok(WorkOutcome::Discard),
            4 => Err(JobCancelError::new("cancelled on purpose").into()),
            5 => panic!("panicked on purpose"),
            6 => self.complete_with_effect(context, job).await,
            _ => Ok(WorkOutcome::Complete),
        }
    }

    /// Completes the job in the transaction of its effect.
    async fn complete_with_effect(&self, context: &WorkContext, job: &JobRow) -> Result<WorkOutcome, BoxError> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query("INSERT INTO effect (job_id) VALUES ($1)").bind(job.id).execute(&mut *transaction).await?;
        context.job_complete_tx(&mut transaction).await?;
        transaction.commit().await?;
        Ok(WorkOutcome::Complete)
    }
}
