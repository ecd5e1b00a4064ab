//! Without the feature: nothing.

use std::sync::Arc;
use std::time::Duration;

use crate::store::{NewWork, PoolSync};

#[derive(Debug)]
pub(crate) struct Meter;

#[derive(Debug, Clone)]
pub(crate) struct FunctionMeter;

#[derive(Debug, Clone)]
pub(crate) struct CallbackMeter;

#[derive(Debug)]
pub(crate) struct Level;

#[expect(clippy::unused_self, reason = "it stands for one that is measured")]
impl Meter {
    pub(crate) const fn new() -> Self {
        Self
    }

    pub(crate) const fn function(&self, _: &Arc<str>, _: &str) -> FunctionMeter {
        FunctionMeter
    }

    pub(crate) const fn callback(&self, _: &str) -> CallbackMeter {
        CallbackMeter
    }

    pub(crate) const fn claimed(&self, _: &Arc<str>, _: i64) {}

    pub(crate) const fn synced(&self, _: &[PoolSync]) {}

    pub(crate) const fn over(&self) {}
}

#[expect(clippy::unused_self, reason = "it stands for one that is measured")]
impl FunctionMeter {
    pub(crate) const fn running(&self) -> Level {
        Level
    }

    pub(crate) const fn started(&self, _: i64) {}

    pub(crate) const fn ended(&self, _: &str, _: Duration) {}

    pub(crate) const fn recovered(&self, _: &str) {}

    pub(crate) const fn fenced(&self) {}
}

#[expect(clippy::unused_self, reason = "it stands for one that is measured")]
impl CallbackMeter {
    pub(crate) const fn succeeded(&self, _: Duration) {}

    pub(crate) const fn failed(&self, _: bool, _: Duration) {}
}

pub(crate) const fn enqueued(_: &[NewWork]) {}

pub(crate) const fn lease_lost() {}

pub(crate) const fn failed(_: &sqlx::Error) {}
