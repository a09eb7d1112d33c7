//! A River worker whose jobs beat. `DATABASE_URL=postgres://localhost/app cargo run --example worker`

use std::time::Duration;

use riverbeat::{Cause, Riverbeat, Tier};
use riverqueue::sqlx::PgPool;
use riverqueue::{BoxError, Client, Job, JobArgs, QueueConfig, WorkCancelled, WorkContext, WorkOutcome, Workers};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Deserialize, JobArgs, Serialize)]
#[river(kind = "render_book")]
struct RenderBook {
    pages: u32,
}

async fn render_book(context: WorkContext, job: Job<RenderBook>) -> Result<WorkOutcome, BoxError> {
    let first = riverbeat::resume::<u32>().await?.unwrap_or(0);
    for page in first..job.args.pages {
        riverbeat::progress(f64::from(page) / f64::from(job.args.pages), &format!("page {page}"));
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(1)) => {} // render it
            () = context.cancellation_token().cancelled() => {
                match riverbeat::cause() {
                    Some(Cause::ClaimLost) => println!("another attempt has the job"),
                    Some(cause) => println!("{cause}"),
                    None => println!("River cancelled the job"),
                }
                return Err(WorkCancelled.into());
            }
        }
        riverbeat::checkpoint(&(page + 1))?;
    }
    Ok(WorkOutcome::Complete)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pool = PgPool::connect(&std::env::var("DATABASE_URL")?).await?;
    let mut workers = Workers::new();
    workers.add_fn(render_book)?;
    let beats = Riverbeat::new(&pool).tier_for(|job| if job.priority == 1 { Tier::URGENT } else { Tier::STANDARD });
    let client = Client::builder(pool)
        .plugin(beats.clone())
        .queue("default", QueueConfig::new(10))
        .workers(workers)
        .without_job_timeout()
        .build()?;
    beats.start(client.id());
    let mut run = client.start_with_graceful_stop(async {
        let _ = tokio::signal::ctrl_c().await;
    })?;
    run.wait().await?;
    beats.stop(Duration::from_secs(5)).await;
    Ok(())
}
