//! IVssWriterComponents, IVssComponent and its successors.

use super::{Interface, Kind, input, method, output, reserved};

/// `IVssComponent`.
pub(super) const IVSSCOMPONENT: Interface = Interface {
    name: "IVssComponent",
    kind: Kind::Interface,
    methods: &[
        method(
            "AddDifferencedFilesByLastModifyLSN",
            "nf-vswriter-ivsscomponent-adddifferencedfilesbylastmodifylsn.md",
            &[
                reserved("wszPath", "LPCWSTR"),
                reserved("wszFilespec", "LPCWSTR"),
                reserved("bRecursive", "BOOL"),
                reserved("bstrLsnString", "BSTR"),
            ],
            "",
        ),
        method(
            "AddDifferencedFilesByLastModifyTime",
            "nf-vswriter-ivsscomponent-adddifferencedfilesbylastmodifytime.md",
            &[
                input("wszPath", "LPCWSTR"),
                input("wszFilespec", "LPCWSTR"),
                input("bRecursive", "BOOL"),
                input("ftLastModifyTime", "FILETIME"),
            ],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_BAD_STATE VSS_E_INVALID_XML_DOCUMENT VSS_E_UNEXPECTED",
        ),
        method(
            "AddDirectedTarget",
            "nf-vswriter-ivsscomponent-adddirectedtarget.md",
            &[
                input("wszSourcePath", "LPCWSTR"),
                input("wszSourceFilename", "LPCWSTR"),
                input("wszSourceRangeList", "LPCWSTR"),
                input("wszDestinationPath", "LPCWSTR"),
                input("wszDestinationFilename", "LPCWSTR"),
                input("wszDestinationRangeList", "LPCWSTR"),
            ],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_BAD_STATE",
        ),
        method(
            "AddPartialFile",
            "nf-vswriter-ivsscomponent-addpartialfile.md",
            &[
                input("wszPath", "LPCWSTR"),
                input("wszFilename", "LPCWSTR"),
                input("wszRanges", "LPCWSTR"),
                input("wszMetadata", "LPCWSTR").optional(),
            ],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_BAD_STATE",
        ),
        method(
            "GetAdditionalRestores",
            "nf-vswriter-ivsscomponent-getadditionalrestores.md",
            &[output("pbAdditionalRestores", "bool*")],
            "S_OK S_FALSE E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT",
        ),
        method(
            "GetAlternateLocationMapping",
            "nf-vswriter-ivsscomponent-getalternatelocationmapping.md",
            &[input("iMapping", "UINT"), output("ppFiledesc", "IVssWMFiledesc**")],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT VSS_E_OBJECT_NOT_FOUND",
        ),
        method(
            "GetAlternateLocationMappingCount",
            "nf-vswriter-ivsscomponent-getalternatelocationmappingcount.md",
            &[output("pcMappings", "UINT*")],
            "S_OK E_INVALIDARG E_OUTOFMEMORY",
        ),
        method(
            "GetBackupMetadata",
            "nf-vswriter-ivsscomponent-getbackupmetadata.md",
            &[output("pbstrData", "BSTR*")],
            "S_OK S_FALSE E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT",
        ),
        method(
            "GetBackupOptions",
            "nf-vswriter-ivsscomponent-getbackupoptions.md",
            &[output("pbstrBackupOptions", "BSTR*")],
            "S_OK S_FALSE E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT",
        ),
        method(
            "GetBackupStamp",
            "nf-vswriter-ivsscomponent-getbackupstamp.md",
            &[output("pbstrBackupStamp", "BSTR*")],
            "S_OK S_FALSE E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT",
        ),
        method(
            "GetBackupSucceeded",
            "nf-vswriter-ivsscomponent-getbackupsucceeded.md",
            &[output("pbSucceeded", "bool*")],
            "S_OK S_FALSE E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT",
        ),
        method(
            "GetComponentName",
            "nf-vswriter-ivsscomponent-getcomponentname.md",
            &[output("pbstrName", "BSTR*")],
            "S_OK S_FALSE E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT",
        ),
        method(
            "GetComponentType",
            "nf-vswriter-ivsscomponent-getcomponenttype.md",
            &[output("pct", "VSS_COMPONENT_TYPE*")],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT",
        ),
        method(
            "GetDifferencedFile",
            "nf-vswriter-ivsscomponent-getdifferencedfile.md",
            &[
                input("iDifferencedFile", "UINT"),
                output("pbstrPath", "BSTR*"),
                output("pbstrFilespec", "BSTR*"),
                output("pbRecursive", "BOOL*"),
                output("pbstrLsnString", "BSTR*"),
                output("pftLastModifyTime", "FILETIME*"),
            ],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_OBJECT_NOT_FOUND VSS_E_INVALID_XML_DOCUMENT",
        ),
        method(
            "GetDifferencedFilesCount",
            "nf-vswriter-ivsscomponent-getdifferencedfilescount.md",
            &[output("pcDifferencedFiles", "UINT*")],
            "S_OK E_INVALIDARG E_OUTOFMEMORY",
        ),
        method(
            "GetDirectedTarget",
            "nf-vswriter-ivsscomponent-getdirectedtarget.md",
            &[
                input("iDirectedTarget", "UINT"),
                output("pbstrSourcePath", "BSTR*"),
                output("pbstrSourceFileName", "BSTR*"),
                output("pbstrSourceRangeList", "BSTR*"),
                output("pbstrDestinationPath", "BSTR*"),
                output("pbstrDestinationFilename", "BSTR*"),
                output("pbstrDestinationRangeList", "BSTR*"),
            ],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT VSS_E_OBJECT_NOT_FOUND",
        ),
        method(
            "GetDirectedTargetCount",
            "nf-vswriter-ivsscomponent-getdirectedtargetcount.md",
            &[output("pcDirectedTarget", "UINT*")],
            "S_OK E_INVALIDARG E_OUTOFMEMORY",
        ),
        method(
            "GetFileRestoreStatus",
            "nf-vswriter-ivsscomponent-getfilerestorestatus.md",
            &[output("pStatus", "VSS_FILE_RESTORE_STATUS*")],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_BAD_STATE VSS_E_INVALID_XML_DOCUMENT",
        ),
        method(
            "GetLogicalPath",
            "nf-vswriter-ivsscomponent-getlogicalpath.md",
            &[output("pbstrPath", "BSTR*")],
            "S_OK S_FALSE E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT",
        ),
        method(
            "GetNewTarget",
            "nf-vswriter-ivsscomponent-getnewtarget.md",
            &[input("iNewTarget", "UINT"), output("ppFiledesc", "IVssWMFiledesc**")],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT VSS_E_OBJECT_NOT_FOUND",
        ),
        method(
            "GetNewTargetCount",
            "nf-vswriter-ivsscomponent-getnewtargetcount.md",
            &[output("pcNewTarget", "UINT*")],
            "S_OK E_INVALIDARG E_OUTOFMEMORY",
        ),
        method(
            "GetPartialFile",
            "nf-vswriter-ivsscomponent-getpartialfile.md",
            &[
                input("iPartialFile", "UINT"),
                output("pbstrPath", "BSTR*"),
                output("pbstrFilename", "BSTR*"),
                output("pbstrRange", "BSTR*"),
                output("pbstrMetadata", "BSTR*"),
            ],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_BAD_STATE VSS_E_INVALID_XML_DOCUMENT \
                VSS_E_OBJECT_NOT_FOUND",
        ),
        method(
            "GetPartialFileCount",
            "nf-vswriter-ivsscomponent-getpartialfilecount.md",
            &[output("pcPartialFiles", "UINT*")],
            "S_OK E_INVALIDARG E_OUTOFMEMORY",
        ),
        method(
            "GetPostRestoreFailureMsg",
            "nf-vswriter-ivsscomponent-getpostrestorefailuremsg.md",
            &[output("pbstrPostRestoreFailureMsg", "BSTR*")],
            "S_OK S_FALSE E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT",
        ),
        method(
            "GetPreRestoreFailureMsg",
            "nf-vswriter-ivsscomponent-getprerestorefailuremsg.md",
            &[output("pbstrPreRestoreFailureMsg", "BSTR*")],
            "S_OK S_FALSE E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT",
        ),
        method(
            "GetPreviousBackupStamp",
            "nf-vswriter-ivsscomponent-getpreviousbackupstamp.md",
            &[output("pbstrBackupStamp", "BSTR*")],
            "S_OK S_FALSE E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT",
        ),
        method(
            "GetRestoreMetadata",
            "nf-vswriter-ivsscomponent-getrestoremetadata.md",
            &[output("pbstrRestoreMetadata", "BSTR*")],
            "S_OK S_FALSE E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT",
        ),
        method(
            "GetRestoreOptions",
            "nf-vswriter-ivsscomponent-getrestoreoptions.md",
            &[output("pbstrRestoreOptions", "BSTR*")],
            "S_OK S_FALSE E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT",
        ),
        method(
            "GetRestoreSubcomponent",
            "nf-vswriter-ivsscomponent-getrestoresubcomponent.md",
            &[
                input("iComponent", "UINT"),
                output("pbstrLogicalPath", "BSTR*"),
                output("pbstrComponentName", "BSTR*"),
                output("pbRepair", "bool*"),
            ],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT VSS_E_OBJECT_NOT_FOUND",
        ),
        method(
            "GetRestoreSubcomponentCount",
            "nf-vswriter-ivsscomponent-getrestoresubcomponentcount.md",
            &[output("pcRestoreSubcomponent", "UINT*")],
            "S_OK E_INVALIDARG E_OUTOFMEMORY",
        ),
        method(
            "GetRestoreTarget",
            "nf-vswriter-ivsscomponent-getrestoretarget.md",
            &[output("pTarget", "VSS_RESTORE_TARGET*")],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT VSS_E_OBJECT_NOT_FOUND",
        ),
        method(
            "IsSelectedForRestore",
            "nf-vswriter-ivsscomponent-isselectedforrestore.md",
            &[output("pbSelectedForRestore", "bool*")],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_BAD_STATE",
        ),
        method(
            "SetBackupMetadata",
            "nf-vswriter-ivsscomponent-setbackupmetadata.md",
            &[input("wszData", "LPCWSTR")],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_OBJECT_ALREADY_EXISTS VSS_E_BAD_STATE",
        ),
        method(
            "SetBackupStamp",
            "nf-vswriter-ivsscomponent-setbackupstamp.md",
            &[input("wszBackupStamp", "LPCWSTR")],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_BAD_STATE",
        ),
        method(
            "SetPostRestoreFailureMsg",
            "nf-vswriter-ivsscomponent-setpostrestorefailuremsg.md",
            &[input("wszPostRestoreFailureMsg", "LPCWSTR")],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_BAD_STATE",
        ),
        method(
            "SetPreRestoreFailureMsg",
            "nf-vswriter-ivsscomponent-setprerestorefailuremsg.md",
            &[input("wszPreRestoreFailureMsg", "LPCWSTR")],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_BAD_STATE",
        ),
        method(
            "SetRestoreMetadata",
            "nf-vswriter-ivsscomponent-setrestoremetadata.md",
            &[input("wszRestoreMetadata", "LPCWSTR")],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_OBJECT_ALREADY_EXISTS VSS_E_BAD_STATE",
        ),
        method(
            "SetRestoreTarget",
            "nf-vswriter-ivsscomponent-setrestoretarget.md",
            &[input("target", "VSS_RESTORE_TARGET")],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_BAD_STATE",
        ),
    ],
};
/// `IVssComponentEx`.
pub(super) const IVSSCOMPONENTEX: Interface = Interface {
    name: "IVssComponentEx",
    kind: Kind::Interface,
    methods: &[
        method(
            "GetAuthoritativeRestore",
            "nf-vswriter-ivsscomponentex-getauthoritativerestore.md",
            &[output("pbAuth", "bool*")],
            "S_OK E_INVALIDARG E_OUTOFMEMORY",
        ),
        method(
            "GetPostSnapshotFailureMsg",
            "nf-vswriter-ivsscomponentex-getpostsnapshotfailuremsg.md",
            &[output("pbstrFailureMsg", "BSTR*")],
            "S_OK S_FALSE E_INVALIDARG E_OUTOFMEMORY",
        ),
        method(
            "GetPrepareForBackupFailureMsg",
            "nf-vswriter-ivsscomponentex-getprepareforbackupfailuremsg.md",
            &[output("pbstrFailureMsg", "BSTR*")],
            "S_OK S_FALSE E_INVALIDARG E_OUTOFMEMORY",
        ),
        method(
            "GetRestoreName",
            "nf-vswriter-ivsscomponentex-getrestorename.md",
            &[output("pbstrName", "BSTR*")],
            "S_OK E_INVALIDARG E_OUTOFMEMORY",
        ),
        method(
            "GetRollForward",
            "nf-vswriter-ivsscomponentex-getrollforward.md",
            &[output("pRollType", "VSS_ROLLFORWARD_TYPE*"), output("pbstrPoint", "BSTR*")],
            "S_OK E_INVALIDARG E_OUTOFMEMORY",
        ),
        method(
            "SetPostSnapshotFailureMsg",
            "nf-vswriter-ivsscomponentex-setpostsnapshotfailuremsg.md",
            &[input("wszFailureMsg", "LPCWSTR")],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_BAD_STATE",
        ),
        method(
            "SetPrepareForBackupFailureMsg",
            "nf-vswriter-ivsscomponentex-setprepareforbackupfailuremsg.md",
            &[input("wszFailureMsg", "LPCWSTR")],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_BAD_STATE",
        ),
    ],
};
/// `IVssComponentEx2`.
pub(super) const IVSSCOMPONENTEX2: Interface = Interface {
    name: "IVssComponentEx2",
    kind: Kind::Interface,
    methods: &[
        method(
            "GetFailure",
            "nf-vswriter-ivsscomponentex2-getfailure.md",
            &[
                output("phr", "HRESULT*"),
                output("phrApplication", "HRESULT*"),
                output("pbstrApplicationMessage", "BSTR*"),
                output("pdwReserved", "DWORD*"),
            ],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_BAD_STATE",
        ),
        method(
            "SetFailure",
            "nf-vswriter-ivsscomponentex2-setfailure.md",
            &[
                input("hr", "HRESULT"),
                input("hrApplication", "HRESULT"),
                input("wszApplicationMessage", "LPCWSTR").optional(),
                input("dwReserved", "DWORD"),
            ],
            "S_OK HRESULT",
        ),
    ],
};
/// `IVssWriterComponents`.
pub(super) const IVSSWRITERCOMPONENTS: Interface = Interface {
    name: "IVssWriterComponents",
    kind: Kind::Interface,
    methods: &[
        method(
            "GetComponent",
            "nf-vswriter-ivsswritercomponents-getcomponent.md",
            &[input("iComponent", "UINT"), output("ppComponent", "IVssComponent**")],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_OBJECT_NOT_FOUND",
        ),
        method(
            "GetComponentCount",
            "nf-vswriter-ivsswritercomponents-getcomponentcount.md",
            &[output("pcComponents", "UINT*")],
            "S_OK E_INVALIDARG E_OUTOFMEMORY",
        ),
        method(
            "GetWriterInfo",
            "nf-vswriter-ivsswritercomponents-getwriterinfo.md",
            &[output("pidInstance", "VSS_ID*"), output("pidWriter", "VSS_ID*")],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT",
        ),
    ],
};
