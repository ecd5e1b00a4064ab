//! What this crate logs: `tracing` events with target `workpool` and a field `event`. This page is
//! their contract; names and fields change only with a major version.
//!
//! | event | level | fields |
//! |---|---|---|
//! | `enqueued` | DEBUG | `work_id`, `pool`, `function`, `run_at` |
//! | `started` | INFO | `work_id`, `pool`, `function`, `attempt`, `start_lag_ms`: from the due time until its function was entered; to the claim by the clock of the database |
//! | `completed` | INFO | `work_id`, `pool`, `function`, `attempts`, `status`: `success`, `failed`, `canceled` or `retrying`; `duration_ms` |
//! | `report` | INFO | once a minute per pool, from one of all workers, also when idle: `pool`, `completed`, `succeeded`, `failed`, `retries`, `canceled`, `running`, `backlog` (due only), `failure_rate`, `permanent_failure_rate` |
//! | `recovered` | WARN | `work_id`, `pool`, `function`, `outcome`, `worker` (the dead one), `why` |
//! | `fenced` | WARN | `work_id`, `attempt`, `why`: a late end was refused |
//! | `released` | WARN | `work_id`, `why`: handed back without having been entered |
//! | `unknown_worker` | WARN | `worker`, `why`: rows written by hand are recovered as a dead worker's |
//! | `lease_lost` | WARN | `worker`, `why` |
//! | `callback_failed` | WARN | `work_id`, `callback`, `attempt`, `why` |
//! | `parked` | WARN | `work_id`, `callback`, `why`: a callback was given up: mend the cause and replay it; or a row or the end of an attempt makes no sense or cannot be stored, and `callback` is the function |
//! | `unknown_function` | WARN | `function`, `pool`, `items`, `why` |
//! | `undeclared_pool` | WARN | `why`: a pool that is only named by a string |
//! | `trouble` | WARN | `what`, `why`: a loop met an error, and goes on trying; once per outage, of which `what` is `connections` |
//! | `trouble_over` | INFO | `what` |
//! | `registered` | INFO | `functions`, `pools`: what a worker found at its start |
//! | `pool_differs` | INFO | `pool`, `what`, `why`: the database rules over a value in code |
//!
//! `completed` counts attempts that finished. `failure_rate` is (`failed` + `retries`) /
//! `completed`; `permanent_failure_rate` is `failed` / (`succeeded` + `failed`); both are 0 when
//! nothing finished. Work that is canceled while it waits counts as `canceled` only, and logs no
//! `completed`. [`Workpool::stats`](crate::Workpool::stats) answers with the same numbers.
//!
//! Each attempt runs in a span `attempt` with `work_id`, `pool`, `function` and `attempt`; each
//! attempt of a callback in a span `callback` with `work_id`, `callback` and `attempt`. With the
//! feature `opentelemetry` (and a layer of `tracing-opentelemetry`) each of them is linked to what it
//! follows from: an attempt to the span in which its work was enqueued, in whatever process that was,
//! a callback to the attempt that ended the work. `WorkerBuilder::continue_traces` makes them
//! children instead.
//!
//! [`PoolHandle::set_log_level`](crate::PoolHandle::set_log_level) decides, at run time, whether workers log
//! `started`, `completed` and `report` of a pool. Arguments, contexts and results are never logged.
