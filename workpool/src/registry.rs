//! The functions and pools of this program, collected at link time through `inventory`, and the
//! checks that refuse to start with a contradiction.

use std::collections::{BTreeMap, HashMap};

use crate::BoxFuture;
use crate::context::{ActionCtx, MutationCtx, QueryCtx, State};
use crate::error::{Error, Result};
use crate::failure::Failure;
use crate::function::{FunctionKind, FunctionSpec, Location, Pool, PoolRef, RawCompletion};
use crate::pool::check_pool;

/// A function as the macros register it.
#[derive(Debug)]
pub struct Entry {
    /// What it is.
    pub spec: &'static FunctionSpec,
    /// What it does.
    pub handler: Handler,
}

/// The body of a function behind its types: arguments and result as JSON.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "the names say it all")]
pub enum Handler {
    Action(for<'a> fn(&'a ActionCtx, &'a str) -> HandlerFuture<'a, String>),
    Mutation(for<'a, 't> fn(&'a mut MutationCtx<'t>, &'a str) -> HandlerFuture<'a, String>),
    Query(for<'a, 't> fn(&'a mut QueryCtx<'t>, &'a str) -> HandlerFuture<'a, String>),
    OnComplete(for<'a, 't> fn(&'a mut MutationCtx<'t>, RawCompletion) -> HandlerFuture<'a, ()>),
}

/// What a handler answers.
pub(crate) type HandlerFuture<'a, T> = BoxFuture<'a, Result<T, Failure>>;

/// A pool as `pool!` registers it.
#[derive(Debug)]
pub struct PoolEntry {
    /// The declaration.
    pub pool: Pool<'static>,
    /// Where it is written.
    pub location: Location,
}

inventory::collect!(Entry);
inventory::collect!(PoolEntry);

/// All of it, checked.
#[derive(Debug)]
pub(crate) struct Registry {
    functions: HashMap<&'static str, &'static Entry>,
    pools: BTreeMap<&'static str, (Pool<'static>, Location)>,
    declared_by_string: Vec<(&'static str, Location)>,
}

impl Registry {
    /// Collects what is linked into this program.
    pub(crate) fn collect(deny_undeclared_pools: bool) -> Result<Self> {
        let entries: Vec<_> = inventory::iter::<Entry>.into_iter().collect();
        let pools: Vec<_> = inventory::iter::<PoolEntry>.into_iter().collect();
        Self::check(&entries, &pools, deny_undeclared_pools)
    }

    fn check(
        entries: &[&'static Entry],
        pools: &[&'static PoolEntry],
        deny_undeclared_pools: bool,
    ) -> Result<Self> {
        let mut faults = Vec::new();
        let mut registry =
            Self { functions: HashMap::new(), pools: BTreeMap::new(), declared_by_string: vec![] };
        for entry in pools {
            registry.add_pool(entry.pool, entry.location, &mut faults);
        }
        for entry in entries {
            registry.add_function(entry, &mut faults);
        }
        registry.add_undeclared(entries, deny_undeclared_pools, &mut faults);
        if faults.is_empty() {
            return Ok(registry);
        }
        faults.sort();
        Err(Error::Registry(faults))
    }

    fn add_function(&mut self, entry: &'static Entry, faults: &mut Vec<String>) {
        let spec = entry.spec;
        if let Some(other) = self.functions.insert(spec.name, entry) {
            let (one, two) = (other.spec.location, spec.location);
            faults.push(format!(
                "two functions are named `{}`: {one} and {two}; give one of them another `name`",
                spec.name
            ));
        }
        if let Some(PoolRef::Declared(pool)) = spec.pool {
            self.add_pool(*pool, spec.location, faults);
        }
    }

    fn add_pool(&mut self, pool: Pool<'static>, location: Location, faults: &mut Vec<String>) {
        if let Err(error) = check_pool(&pool) {
            faults.push(format!("{location}: {error}"));
        }
        match self.pools.get(pool.name) {
            Some((other, there)) if *other != pool => faults.push(format!(
                "pool `{}` is declared twice with different values: {there} and {location}",
                pool.name
            )),
            Some(_) => {}
            None => drop(self.pools.insert(pool.name, (pool, location))),
        }
    }

    /// Pools that are only named by a string get the defaults.
    fn add_undeclared(&mut self, entries: &[&Entry], deny: bool, faults: &mut Vec<String>) {
        for spec in entries.iter().map(|entry| entry.spec) {
            let Some(PoolRef::Named(name)) = spec.pool else { continue };
            if self.pools.contains_key(name) {
                continue;
            }
            if deny {
                faults.push(format!(
                    "{}: pool `{name}` is not declared{}; declare it with `workpool::pool!`",
                    spec.location,
                    hint(self.pools.keys(), name)
                ));
            } else if !self.declared_by_string.iter().any(|(known, _)| *known == name) {
                self.declared_by_string.push((name, spec.location));
            }
        }
    }

    /// Names to restrict a worker to, of which this program has each.
    pub(crate) fn check_names<'n>(
        &self,
        names: impl IntoIterator<Item = &'n String>,
    ) -> Result<()> {
        let known = self.names(false);
        let Some(name) = names.into_iter().find(|name| !known.contains(&name.as_str())) else {
            return Ok(());
        };
        let hint = hint(known.iter(), name);
        let why = format!("this program has no function `{name}` to claim{hint}");
        Err(Error::invalid("only_functions", why))
    }

    /// Missing application state of these functions and of all callbacks, in one error.
    pub(crate) fn check_state(&self, state: &State, claimed: &[&str]) -> Result<()> {
        let runs = |spec: &FunctionSpec| {
            spec.kind == FunctionKind::OnComplete || claimed.contains(&spec.name)
        };
        let mut faults: Vec<_> = self
            .functions
            .values()
            .filter(|entry| runs(entry.spec))
            .flat_map(|entry| entry.spec.state.iter().map(|need| (entry.spec, need)))
            .filter(|(_, need)| !state.contains(need.type_id))
            .map(|(spec, need)| {
                let (at, name, of) = (spec.location, spec.name, (need.type_name)());
                format!("{at}: `{name}` needs state of type `{of}`; give the worker `.state(…)`")
            })
            .collect();
        faults.sort();
        if faults.is_empty() { Ok(()) } else { Err(Error::Registry(faults)) }
    }

    /// All pools that code knows, to seed the database with.
    pub(crate) fn pools(&self) -> Vec<Pool<'static>> {
        let declared = self.pools.values().map(|(pool, _)| *pool);
        declared.chain(self.declared_by_string.iter().map(|(name, _)| Pool::new(name))).collect()
    }

    /// What to say of pools that are only named by a string.
    pub(crate) fn undeclared(&self) -> Vec<String> {
        let text = |(name, location): &(&str, Location)| {
            format!(
                "{location}: pool `{name}` is not declared and has the defaults{}",
                hint(self.pools.keys(), name)
            )
        };
        self.declared_by_string.iter().map(text).collect()
    }

    /// The names of functions that may share a transaction.
    pub(crate) fn grouped(&self) -> Vec<&'static str> {
        let entries = self.functions.values().filter(|entry| entry.spec.grouped);
        entries.map(|entry| entry.spec.name).collect()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&'static Entry> {
        self.functions.get(name).copied()
    }

    /// The names of functions that are claimed as work, or of those that complete it.
    pub(crate) fn names(&self, on_complete: bool) -> Vec<&'static str> {
        let kind = |entry: &&&Entry| (entry.spec.kind == FunctionKind::OnComplete) == on_complete;
        let mut names: Vec<_> =
            self.functions.values().filter(kind).map(|entry| entry.spec.name).collect();
        names.sort_unstable();
        names
    }
}

/// A known name that this one may be a slip of.
fn hint<'n>(mut known: impl Iterator<Item = &'n &'static str>, name: &str) -> String {
    let near = known.find(|known| within_two_edits(known, name));
    near.map_or_else(String::new, |near| format!(" (did you mean `{near}`?)"))
}

/// Whether two edits of one byte, or fewer, lead from one word to the other.
fn within_two_edits(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let cost = (diagonal + usize::from(x != y)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], cost);
        }
    }
    row[b.len()] <= 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_near_and_other_words_are_not() {
        assert!(within_two_edits("email", "emial"));
        assert!(within_two_edits("email", "emails"));
        assert!(!within_two_edits("email", "scrape"));
    }

    #[test]
    fn two_functions_of_one_name_are_a_fault_that_names_both_places() {
        fn never<'a>(_: &'a ActionCtx, _: &'a str) -> HandlerFuture<'a, String> {
            Box::pin(async { Ok(String::new()) })
        }
        let entry = |line| -> &'static Entry {
            let spec = Box::leak(Box::new(FunctionSpec {
                name: "twice",
                kind: FunctionKind::Action,
                pool: Some(PoolRef::Named("p")),
                retry: crate::function::RetrySetting::Unset,
                timeout: None,
                status_ttl: None,
                redact: crate::function::Redact::Nothing,
                grouped: false,
                state: &[],
                location: Location { file: "a.rs", line },
            }));
            Box::leak(Box::new(Entry { spec, handler: Handler::Action(never) }))
        };
        let error = Registry::check(&[entry(1), entry(2)], &[], false).unwrap_err().to_string();
        assert!(error.contains("a.rs:1") && error.contains("a.rs:2"), "{error}");
    }

    #[test]
    fn one_pool_with_two_meanings_is_a_fault() {
        let here = Location { file: "a.rs", line: 1 };
        let entry = |limit| -> &'static PoolEntry {
            let pool = Pool::new("p").max_parallelism(limit);
            Box::leak(Box::new(PoolEntry { pool, location: here }))
        };
        assert!(Registry::check(&[], &[entry(1), entry(1)], false).is_ok());
        let error = Registry::check(&[], &[entry(1), entry(2)], false).unwrap_err();
        assert!(error.to_string().contains("declared twice"), "{error}");
    }
}
