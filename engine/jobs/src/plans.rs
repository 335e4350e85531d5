//! What can be done with a plan: agree to it, and have it carried out.

use crate::error::StartError;
use crate::runner::Runner;
use crate::services::Order;
use gangway_model::{Approval, JobId, JobType, Plan, TenantId, Trigger};

impl Runner {
    /// Notes that somebody agrees to a plan.
    pub async fn approve_plan(&self, tenant: &TenantId, id: &JobId, by: String) -> Result<Plan, StartError> {
        let mut plan = self.usable_plan(tenant, id).await?;
        plan.approval = Some(Approval { by, at_ms: self.now_ms() });
        let approved = plan.clone();
        self.store(tenant, move |store| store.plans().put(&approved)).await?;
        Ok(plan)
    }

    /// Starts the job that carries out a plan that was agreed to.
    pub async fn apply_plan(
        &self,
        tenant: &TenantId,
        id: &JobId,
        trigger: Trigger,
    ) -> Result<JobId, StartError> {
        let plan = self.usable_plan(tenant, id).await?;
        if plan.approval.is_none() {
            return Err(refused(id, "nobody has approved it: read it, then approve it"));
        }
        let order = Order { live: plan.live, plan: Some(id.clone()), ..Order::from(JobType::Apply) };
        self.start(tenant, &plan.source, order, trigger).await
    }

    async fn usable_plan(&self, tenant: &TenantId, id: &JobId) -> Result<Plan, StartError> {
        let wanted = id.clone();
        let plan = self.store(tenant, move |store| store.plans().get(&wanted)).await?;
        let Some(plan) = plan else {
            return Err(refused(id, "there is no such plan; it may have been too old: simulate again"));
        };
        if !plan.complete {
            return Err(refused(id, "its simulation has not come to its end: simulate again"));
        }
        if plan.expires_ms <= self.now_ms() {
            return Err(refused(id, "it is too old (ips.plan.retention.days): simulate again"));
        }
        if let Some(job) = &plan.applied {
            return Err(refused(id, &format!("job {job} carried it out already: simulate again")));
        }
        Ok(plan)
    }
}

fn refused(plan: &JobId, why: &str) -> StartError {
    StartError::Plan { plan: plan.clone(), why: why.to_owned() }
}
