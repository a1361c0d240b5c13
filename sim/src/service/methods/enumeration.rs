//! IVssEnumObject: a list and a place in it.

use std::sync::Arc;

use vssim_model::api::{MethodCall, Out, Value};
use vssim_model::hresult::HResult;

use super::objects::Object;
use super::{Caller, Done};
use crate::service::Service;
use crate::unhashed::Unhashed;

/// What Query found, and how far it was read. Its objects are named by ids, which are random.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Enumeration {
    list: Unhashed<Arc<[Value]>>,
    length: usize,
    next: usize,
}

impl Enumeration {
    /// A list, read from its beginning.
    pub(super) fn new(list: Vec<Value>) -> Enumeration {
        Enumeration { length: list.len(), list: Unhashed(list.into()), next: 0 }
    }

    /// The next so many, or as many as are left.
    fn take(&mut self, count: usize) -> Vec<Value> {
        let taken: Vec<Value> = self.list.iter().skip(self.next).take(count).cloned().collect();
        self.next += taken.len();
        taken
    }

    /// Passes over so many; false if there are not so many left.
    fn skip(&mut self, count: usize) -> bool {
        let left = self.length - self.next;
        self.next += count.min(left);
        count <= left
    }
}

impl Object {
    /// IVssEnumObject over these.
    pub(super) fn enumeration(list: Vec<Value>) -> Object {
        Object::Enumeration(Enumeration::new(list))
    }
}

impl Service {
    /// The methods of IVssEnumObject (nn-vss-ivssenumobject.md). Reset goes back to the first object: so the method's page, against
    /// that of the interface.
    pub(super) fn enumeration_method(&mut self, caller: Caller, call: &MethodCall) -> Result<Done, HResult> {
        let count = call.index("celt");
        let Object::Enumeration(found) = self.object_of_mut(caller, call).map_err(|_| HResult::E_FAIL)? else {
            // What is no enumerator, or was given back: the pages know no other failure of an enumerator.
            return Err(HResult::E_FAIL);
        };
        let whole = |whole: bool| if whole { HResult::S_OK } else { HResult::S_FALSE };
        match call.method.method.name {
            "Next" => {
                let taken = found.take(count);
                let code = whole(taken.len() == count);
                let fetched = Value::count(taken.len());
                Ok(Done::Now(code, Out::values([("rgelt", Value::List(taken)), ("pceltFetched", fetched)])))
            }
            "Skip" => Ok(Done::Now(whole(found.skip(count)), Out::Nothing)),
            "Reset" => {
                found.next = 0;
                Done::nothing()
            }
            "Clone" => {
                let copy = Object::Enumeration(found.clone());
                let copy = self.hand_out(caller, copy);
                Done::ok(Out::values([("ppenum", copy)]))
            }
            _ => Err(HResult::E_NOTIMPL),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot set up fails")]

    use proptest::prelude::*;

    use super::*;

    fn numbers(count: i64) -> Enumeration {
        Enumeration::new((0..count).map(Value::Number).collect())
    }

    #[derive(Clone, Debug)]
    enum Step {
        Next(usize),
        Skip(usize),
        Reset,
        Clone,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0_usize..9).prop_map(Step::Next),
            (0_usize..9).prop_map(Step::Skip),
            Just(Step::Reset),
            Just(Step::Clone),
        ]
    }

    proptest! {
        #[test]
        fn an_enumeration_is_a_list_and_a_place_in_it(
            length in 0_i64..12,
            steps in proptest::collection::vec((any::<prop::sample::Index>(), step()), 0..40),
        ) {
            // Beside each enumerator the place at which a reader of the plain list would be.
            let mut all = vec![(numbers(length), 0_usize)];
            let end = usize::try_from(length).unwrap();
            for (which, step) in steps {
                let at = which.index(all.len());
                let (found, place) = &mut all[at];
                match step {
                    Step::Next(count) => {
                        let expected: Vec<Value> = (*place..end.min(*place + count)).map(|at| Value::Number(at as i64)).collect();
                        *place += expected.len();
                        prop_assert_eq!(found.take(count), expected);
                    }
                    Step::Skip(count) => {
                        prop_assert_eq!(found.skip(count), *place + count <= end);
                        *place = end.min(*place + count);
                    }
                    Step::Reset => (found.next, *place) = (0, 0),
                    Step::Clone => {
                        let copy = all[at].clone();
                        all.push(copy);
                    }
                }
            }
        }
    }

    #[test]
    fn a_huge_skip_stops_at_the_end() {
        let mut found = numbers(3);
        assert!(!found.skip(usize::MAX));
        assert_eq!(found.take(1), []);
    }
}
