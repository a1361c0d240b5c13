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
        #[allow(irrefutable_let_patterns, reason = "the other kinds of objects come one by one")]
        let Object::Enumeration(found) = self.object_of_mut(caller, call)? else {
            return Err(HResult::E_INVALIDARG);
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
