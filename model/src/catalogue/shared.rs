//! The methods that requesters share with others.

use super::{Interface, Kind, inout, input, method, output};

/// All of them.
pub(super) const ALL: &[Interface] = &[IVSSASYNC, IVSSENUMOBJECT];

/// `IVssAsync`.
const IVSSASYNC: Interface = Interface {
    name: "IVssAsync",
    kind: Kind::Interface,
    methods: &[
        method(
            "Cancel",
            "nf-vss-ivssasync-cancel.md",
            &[],
            "S_OK VSS_S_ASYNC_CANCELLED VSS_S_ASYNC_FINISHED VSS_E_UNEXPECTED HRESULT",
        ),
        method(
            "QueryStatus",
            "nf-vss-ivssasync-querystatus.md",
            &[output("pHrResult", "HRESULT*"), output("pReserved", "INT*").optional()],
            "S_OK E_ACCESSDENIED E_INVALIDARG VSS_E_UNEXPECTED",
        ),
        method(
            "Wait",
            "nf-vss-ivssasync-wait.md",
            &[input("dwMilliseconds", "DWORD")],
            "S_OK E_ACCESSDENIED VSS_E_UNEXPECTED E_INVALIDARG HRESULT",
        ),
    ],
};
/// `IVssEnumObject`.
const IVSSENUMOBJECT: Interface = Interface {
    name: "IVssEnumObject",
    kind: Kind::Interface,
    methods: &[
        method(
            "Clone",
            "nf-vss-ivssenumobject-clone.md",
            &[inout("ppenum", "IVssEnumObject**")],
            "S_OK E_FAIL E_OUTOFMEMORY E_POINTER",
        ),
        method(
            "Next",
            "nf-vss-ivssenumobject-next.md",
            &[input("celt", "ULONG"), output("rgelt", "VSS_OBJECT_PROP*"), output("pceltFetched", "ULONG*")],
            "S_OK S_FALSE E_FAIL E_POINTER",
        ),
        method("Reset", "nf-vss-ivssenumobject-reset.md", &[], "S_OK E_FAIL"),
        method("Skip", "nf-vss-ivssenumobject-skip.md", &[input("celt", "ULONG")], "S_OK S_FALSE E_FAIL"),
    ],
};
