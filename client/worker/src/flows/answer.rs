//! Answer: prove to the audits that fell due that the replicas are still here.
//!
//! All that is due goes into as few extrinsics as the chain takes. An extrinsic with one wrong answer is refused as a whole;
//! then each answer goes by itself, so that one rotten replica does not take the others with it.

use super::{on_its_way, Context, FlowError};
use crate::{
    chain::SubmitError,
    plan::{batches, Audit, Subject},
    signer::hash_of,
};
use frame_support::BoundedVec;
use pallet_station_replication::Answer;
use station_porep::proof::verify_audit;
use station_primitives::{DutyStatement, Hash};
use station_runtime::Runtime;

/// Threads that read and hash for audits at once. Each reads a few pages; more would only queue at the disk.
const PROVERS: usize = 4;

/// What became of the audits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answered {
    /// On their way, each with the name of its extrinsic if it was handed in now.
    pub sent: Vec<(Audit, Option<Hash>)>,
    /// Not provable, or refused.
    pub failed: Vec<Audit>,
}

/// Answer what is due, the most urgent first.
pub async fn answer(context: &Context, due: &[Audit]) -> Result<Answered, FlowError> {
    let mut answered = Answered::default();
    for batch in batches(due) {
        let proven = context.blocking(move |context| prove_all(context, &batch)).await?;
        fail::fail_point!("answer:proven");
        let mut ready = Vec::with_capacity(proven.len());
        for (audit, answer) in proven {
            match answer {
                Ok(answer) => ready.push((audit, answer)),
                Err(error) => {
                    tracing::error!(target: crate::LOG, replica = %audit.replica, %error, "an audit cannot be answered");
                    answered.failed.push(audit);
                }
            }
        }
        hand_in(context, ready, &mut answered).await?;
        fail::fail_point!("answer:submitted");
    }
    context.metrics.audits_answered.inc_by(count(answered.sent.len()));
    context.metrics.audits_failed.inc_by(count(answered.failed.len()));
    context.metrics.audits_late.inc_by(count(answered.sent.iter().filter(|(audit, _)| audit.late).count()));
    if !answered.sent.is_empty() {
        tracing::debug!(target: crate::LOG, sent = answered.sent.len(), failed = answered.failed.len(), "audits answered");
    }
    Ok(answered)
}

async fn hand_in(context: &Context, ready: Vec<(Audit, Answer)>, answered: &mut Answered) -> Result<(), FlowError> {
    if ready.is_empty() {
        return Ok(());
    }
    let refused = match submit(context, ready.iter().map(|(_, answer)| answer.clone()).collect()).await {
        Ok(name) => {
            answered.sent.extend(ready.into_iter().map(|(audit, _)| (audit, name)));
            return Ok(());
        }
        Err(FlowError::Submit(SubmitError::Refused(reason))) => reason,
        Err(error) => return Err(error),
    };
    if ready.len() > 1 {
        tracing::debug!(target: crate::LOG, answers = ready.len(), refused, "answers go one by one");
    }
    for (audit, answer) in ready {
        match submit(context, vec![answer]).await {
            Ok(name) => answered.sent.push((audit, name)),
            Err(FlowError::Submit(SubmitError::Refused(reason))) => {
                context.metrics.refused.inc();
                // Often the answer of a moment ago, included meanwhile: the next plan knows.
                tracing::debug!(target: crate::LOG, replica = %audit.replica, reason, "an answer is refused");
                answered.failed.push(audit);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn submit(context: &Context, answers: Vec<Answer>) -> Result<Option<Hash>, FlowError> {
    let answers = BoundedVec::try_from(answers).map_err(|_| FlowError::TooLong("a list of answers"))?;
    let signature = context.signer.duty(&DutyStatement::Prove { answers: hash_of(&answers) })?;
    let call =
        pallet_station_replication::Call::<Runtime>::prove { provider: context.account().clone(), answers, signature };
    Ok(on_its_way(context.submit_duty(call.into()).await)?)
}

type Proven = (Audit, Result<Answer, FlowError>);

/// Prove a batch on a few threads, in the batch's order.
fn prove_all(context: &Context, batch: &[Audit]) -> Vec<Proven> {
    let share = batch.len().div_ceil(PROVERS).max(1);
    let prove = |audit: &Audit| (*audit, prove_or_condemn(context, audit));
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            batch.chunks(share).map(|part| scope.spawn(move || part.iter().map(prove).collect::<Vec<_>>())).collect();
        // A thread that panicked has its audits missing here; they are due still and planned again.
        threads.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
    })
}

/// Prove one, and check the proof as the chain will.
fn prove_one(context: &Context, audit: &Audit) -> Result<Answer, FlowError> {
    let Audit { replica, subject, due, seed, .. } = *audit;
    let proof = crate::misbehave::proof(context.store.audit(replica, &seed)?);
    let Subject { key, class, comm_d, comm_r } = subject;
    verify_audit(&key, class, &comm_d, &comm_r, &seed, &proof)
        .or_else(crate::misbehave::unless_misbehaving)
        .map_err(|error| FlowError::Rotted(replica, error.to_string()))?;
    Ok(Answer { replica, due, seed, proof })
}

/// Prove one; what does not prove itself is out of service from now on.
fn prove_or_condemn(context: &Context, audit: &Audit) -> Result<Answer, FlowError> {
    let answer = prove_one(context, audit);
    if let Err(error) = &answer {
        if error.is_rot() {
            context.condemn(audit.replica, error);
        }
    }
    answer
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}
