//! The methods that a requester calls.

use super::backup_components;
use super::{Interface, Kind, asynchronous, input, method, output};

/// All of them.
pub(super) const ALL: &[Interface] = &[
    VSBACKUP_H,
    backup_components::IVSSBACKUPCOMPONENTS,
    IVSSBACKUPCOMPONENTSEX,
    IVSSBACKUPCOMPONENTSEX2,
    IVSSBACKUPCOMPONENTSEX3,
    IVSSBACKUPCOMPONENTSEX4,
    IVSSEXAMINEWRITERMETADATA,
    IVSSEXAMINEWRITERMETADATAEX,
    IVSSEXAMINEWRITERMETADATAEX2,
    IVSSWMCOMPONENT,
];

/// `vsbackup.h`.
const VSBACKUP_H: Interface = Interface {
    name: "vsbackup.h",
    kind: Kind::Functions,
    methods: &[
        method(
            "CreateVssBackupComponents",
            "nf-vsbackup-createvssbackupcomponents.md",
            &[output("ppBackup", "IVssBackupComponents**")],
            "S_OK E_ACCESSDENIED E_INVALIDARG E_OUTOFMEMORY VSS_E_UNEXPECTED",
        ),
        method(
            "CreateVssExamineWriterMetadata",
            "nf-vsbackup-createvssexaminewritermetadata.md",
            &[input("bstrXML", "BSTR"), output("ppMetadata", "IVssExamineWriterMetadata**")],
            "S_OK E_ACCESSDENIED E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT VSS_E_UNEXPECTED",
        ),
        method(
            "IsVolumeSnapshotted",
            "nf-vsbackup-isvolumesnapshotted.md",
            &[
                input("pwszVolumeName", "VSS_PWSZ"),
                output("pbSnapshotsPresent", "BOOL*"),
                output("plSnapshotCapability", "LONG*"),
            ],
            "S_OK E_ACCESSDENIED E_INVALIDARG E_OUTOFMEMORY VSS_E_PROVIDER_VETO \
                VSS_E_OBJECT_NOT_FOUND VSS_E_UNEXPECTED VSS_E_UNEXPECTED_PROVIDER_ERROR",
        ),
        method(
            "ShouldBlockRevert",
            "nf-vsbackup-shouldblockrevert.md",
            &[input("wszVolumeName", "LPCWSTR"), output("pbBlock", "bool*")],
            "S_OK E_ACCESSDENIED E_INVALIDARG E_OUTOFMEMORY VSS_E_UNEXPECTED",
        ),
        method(
            "VssFreeSnapshotProperties",
            "nf-vsbackup-vssfreesnapshotproperties.md",
            &[input("pProp", "VSS_SNAPSHOT_PROP*")],
            "",
        ),
    ],
};
/// `IVssBackupComponentsEx`.
const IVSSBACKUPCOMPONENTSEX: Interface = Interface {
    name: "IVssBackupComponentsEx",
    kind: Kind::Interface,
    methods: &[
        method(
            "GetWriterMetadataEx",
            "nf-vsbackup-ivssbackupcomponentsex-getwritermetadataex.md",
            &[
                input("iWriter", "UINT"),
                output("pidInstance", "VSS_ID*"),
                output("ppMetadata", "IVssExamineWriterMetadataEx**"),
            ],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_BAD_STATE VSS_E_INVALID_XML_DOCUMENT \
                VSS_E_OBJECT_NOT_FOUND VSS_E_UNEXPECTED",
        ),
        method(
            "SetSelectedForRestoreEx",
            "nf-vsbackup-ivssbackupcomponentsex-setselectedforrestoreex.md",
            &[
                input("writerId", "VSS_ID"),
                input("ct", "VSS_COMPONENT_TYPE"),
                input("wszLogicalPath", "LPCWSTR").optional(),
                input("wszComponentName", "LPCWSTR"),
                input("bSelectedForRestore", "bool"),
                input("instanceId", "VSS_ID"),
            ],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_BAD_STATE VSS_E_OBJECT_NOT_FOUND \
                VSS_E_INVALID_XML_DOCUMENT VSS_E_UNEXPECTED",
        ),
    ],
};
/// `IVssBackupComponentsEx2`.
const IVSSBACKUPCOMPONENTSEX2: Interface = Interface {
    name: "IVssBackupComponentsEx2",
    kind: Kind::Interface,
    methods: &[
        asynchronous(
            "BreakSnapshotSetEx",
            "nf-vsbackup-ivssbackupcomponentsex2-breaksnapshotsetex.md",
            &[input("SnapshotSetID", "VSS_ID"), input("dwBreakFlags", "DWORD"), output("ppAsync", "IVssAsync**")],
            "S_OK E_ACCESSDENIED E_INVALIDARG E_OUTOFMEMORY VSS_E_BREAK_REVERT_ID_FAILED \
                VSS_E_OBJECT_NOT_FOUND VSS_E_PROVIDER_VETO VSS_E_UNEXPECTED",
        ),
        asynchronous(
            "FastRecovery",
            "nf-vsbackup-ivssbackupcomponentsex2-fastrecovery.md",
            &[
                input("SnapshotSetID", "VSS_ID"),
                input("dwFastRecoveryFlags", "DWORD"),
                output("ppAsync", "IVssAsync**"),
            ],
            "",
        ),
        asynchronous(
            "PreFastRecovery",
            "nf-vsbackup-ivssbackupcomponentsex2-prefastrecovery.md",
            &[
                input("SnapshotSetID", "VSS_ID"),
                input("dwPreFastRecoveryFlags", "DWORD"),
                output("ppAsync", "IVssAsync**"),
            ],
            "",
        ),
        method(
            "SetAuthoritativeRestore",
            "nf-vsbackup-ivssbackupcomponentsex2-setauthoritativerestore.md",
            &[
                input("writerId", "VSS_ID"),
                input("ct", "VSS_COMPONENT_TYPE"),
                input("wszLogicalPath", "LPCWSTR").optional(),
                input("wszComponentName", "LPCWSTR"),
                input("bAuth", "bool"),
            ],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_BAD_STATE VSS_E_OBJECT_NOT_FOUND VSS_E_UNEXPECTED",
        ),
        method(
            "SetRestoreName",
            "nf-vsbackup-ivssbackupcomponentsex2-setrestorename.md",
            &[
                input("writerId", "VSS_ID"),
                input("ct", "VSS_COMPONENT_TYPE"),
                input("wszLogicalPath", "LPCWSTR").optional(),
                input("wszComponentName", "LPCWSTR"),
                input("wszRestoreName", "LPCWSTR"),
            ],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_BAD_STATE VSS_E_OBJECT_NOT_FOUND VSS_E_UNEXPECTED",
        ),
        method(
            "SetRollForward",
            "nf-vsbackup-ivssbackupcomponentsex2-setrollforward.md",
            &[
                input("writerId", "VSS_ID"),
                input("ct", "VSS_COMPONENT_TYPE"),
                input("wszLogicalPath", "LPCWSTR").optional(),
                input("wszComponentName", "LPCWSTR"),
                input("rollType", "VSS_ROLLFORWARD_TYPE"),
                input("wszRollForwardPoint", "LPCWSTR").optional(),
            ],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_BAD_STATE VSS_E_OBJECT_NOT_FOUND VSS_E_UNEXPECTED",
        ),
        method(
            "UnexposeSnapshot",
            "nf-vsbackup-ivssbackupcomponentsex2-unexposesnapshot.md",
            &[input("snapshotId", "VSS_ID")],
            "S_OK E_ACCESSDENIED E_INVALIDARG E_OUTOFMEMORY VSS_E_BAD_STATE VSS_E_OBJECT_NOT_FOUND \
                VSS_E_PROVIDER_VETO VSS_E_UNEXPECTED VSS_E_UNEXPECTED_PROVIDER_ERROR",
        ),
    ],
};
/// `IVssBackupComponentsEx3`.
const IVSSBACKUPCOMPONENTSEX3: Interface = Interface {
    name: "IVssBackupComponentsEx3",
    kind: Kind::Interface,
    methods: &[
        method(
            "AddSnapshotToRecoverySet",
            "nf-vsbackup-ivssbackupcomponentsex3-addsnapshottorecoveryset.md",
            &[
                input("snapshotId", "VSS_ID"),
                input("dwFlags", "DWORD"),
                input("pwszDestinationVolume", "VSS_PWSZ").optional(),
            ],
            "S_OK VSS_E_BAD_STATE VSS_E_LEGACY_PROVIDER VSS_E_OBJECT_NOT_FOUND \
                VSS_E_RESYNC_IN_PROGRESS VSS_E_SNAPSHOT_NOT_IN_SET VSS_E_VOLUME_NOT_SUPPORTED",
        ),
        method(
            "GetSessionId",
            "nf-vsbackup-ivssbackupcomponentsex3-getsessionid.md",
            &[output("idSession", "VSS_ID*")],
            "S_OK HRESULT",
        ),
        method(
            "GetWriterStatusEx",
            "nf-vsbackup-ivssbackupcomponentsex3-getwriterstatusex.md",
            &[
                input("iWriter", "UINT"),
                output("pidInstance", "VSS_ID*"),
                output("pidWriter", "VSS_ID*"),
                output("pbstrWriter", "BSTR*"),
                output("pnStatus", "VSS_WRITER_STATE*"),
                output("phrFailureWriter", "HRESULT*"),
                output("phrApplication", "HRESULT*").optional(),
                output("pbstrApplicationMessage", "BSTR*").optional(),
            ],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_BAD_STATE VSS_E_OBJECT_NOT_FOUND",
        ),
        asynchronous(
            "RecoverSet",
            "nf-vsbackup-ivssbackupcomponentsex3-recoverset.md",
            &[input("dwFlags", "DWORD"), output("ppAsync", "IVssAsync**")],
            "S_OK E_NOTIMPL VSS_E_BAD_STATE VSS_E_LEGACY_PROVIDER VSS_E_PROVIDER_VETO \
                VSS_E_UNSELECTED_VOLUME VSS_E_CANNOT_REVERT_DISKID",
        ),
    ],
};
/// `IVssBackupComponentsEx4`.
const IVSSBACKUPCOMPONENTSEX4: Interface = Interface {
    name: "IVssBackupComponentsEx4",
    kind: Kind::Interface,
    methods: &[method(
        "GetRootAndLogicalPrefixPaths",
        "nf-vsbackup-ivssbackupcomponentsex4-getrootandlogicalprefixpaths.md",
        &[
            input("pwszFilePath", "VSS_PWSZ"),
            output("ppwszRootPath", "VSS_PWSZ*"),
            output("ppwszLogicalPrefix", "VSS_PWSZ*"),
            input("bNormalizeFQDNforRootPath", "BOOL"),
        ],
        "S_OK E_OUTOFMEMORY",
    )],
};
/// `IVssExamineWriterMetadata`.
const IVSSEXAMINEWRITERMETADATA: Interface = Interface {
    name: "IVssExamineWriterMetadata",
    kind: Kind::Interface,
    methods: &[
        method(
            "GetAlternateLocationMapping",
            "nf-vsbackup-ivssexaminewritermetadata-getalternatelocationmapping.md",
            &[input("iMapping", "UINT"), output("ppFiledesc", "IVssWMFiledesc**")],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT VSS_E_OBJECT_NOT_FOUND \
                VSS_E_UNEXPECTED",
        ),
        method(
            "GetBackupSchema",
            "nf-vsbackup-ivssexaminewritermetadata-getbackupschema.md",
            &[output("pdwSchemaMask", "DWORD*")],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT",
        ),
        method(
            "GetComponent",
            "nf-vsbackup-ivssexaminewritermetadata-getcomponent.md",
            &[input("iComponent", "UINT"), output("ppComponent", "IVssWMComponent**")],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT VSS_E_OBJECT_NOT_FOUND \
                VSS_E_UNEXPECTED",
        ),
        method(
            "GetDocument",
            "nf-vsbackup-ivssexaminewritermetadata-getdocument.md",
            &[input("pDoc", "IXMLDOMDocument**")],
            "",
        ),
        method(
            "GetExcludeFile",
            "nf-vsbackup-ivssexaminewritermetadata-getexcludefile.md",
            &[input("iFile", "UINT"), output("ppFiledesc", "IVssWMFiledesc**")],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT VSS_E_OBJECT_NOT_FOUND \
                VSS_E_UNEXPECTED",
        ),
        method(
            "GetFileCounts",
            "nf-vsbackup-ivssexaminewritermetadata-getfilecounts.md",
            &[output("pcIncludeFiles", "UINT*"), output("pcExcludeFiles", "UINT*"), output("pcComponents", "UINT*")],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT VSS_E_UNEXPECTED",
        ),
        method(
            "GetIdentity",
            "nf-vsbackup-ivssexaminewritermetadata-getidentity.md",
            &[
                output("pidInstance", "VSS_ID*"),
                output("pidWriter", "VSS_ID*"),
                output("pbstrWriterName", "BSTR*"),
                output("pUsage", "VSS_USAGE_TYPE*"),
                output("pSource", "VSS_SOURCE_TYPE*"),
            ],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT VSS_E_UNEXPECTED",
        ),
        method(
            "GetIncludeFile",
            "nf-vsbackup-ivssexaminewritermetadata-getincludefile.md",
            &[input("iFile", "UINT"), output("ppFiledesc", "IVssWMFiledesc**")],
            "",
        ),
        method(
            "GetRestoreMethod",
            "nf-vsbackup-ivssexaminewritermetadata-getrestoremethod.md",
            &[
                output("pMethod", "VSS_RESTOREMETHOD_ENUM*"),
                output("pbstrService", "BSTR*"),
                output("pbstrUserProcedure", "BSTR*"),
                output("pwriterRestore", "VSS_WRITERRESTORE_ENUM*"),
                output("pbRebootRequired", "bool*"),
                output("pcMappings", "UINT*"),
            ],
            "S_OK S_FALSE E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT VSS_E_UNEXPECTED",
        ),
        method(
            "LoadFromXML",
            "nf-vsbackup-ivssexaminewritermetadata-loadfromxml.md",
            &[input("bstrXML", "BSTR")],
            "S_OK S_FALSE E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT VSS_E_UNEXPECTED",
        ),
        method(
            "SaveAsXML",
            "nf-vsbackup-ivssexaminewritermetadata-saveasxml.md",
            &[output("pbstrXML", "BSTR*")],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_UNEXPECTED",
        ),
    ],
};
/// `IVssExamineWriterMetadataEx`.
const IVSSEXAMINEWRITERMETADATAEX: Interface = Interface {
    name: "IVssExamineWriterMetadataEx",
    kind: Kind::Interface,
    methods: &[method(
        "GetIdentityEx",
        "nf-vsbackup-ivssexaminewritermetadataex-getidentityex.md",
        &[
            output("pidInstance", "VSS_ID*"),
            output("pidWriter", "VSS_ID*"),
            output("pbstrWriterName", "BSTR*"),
            output("pbstrInstanceName", "BSTR*"),
            output("pUsage", "VSS_USAGE_TYPE*"),
            output("pSource", "VSS_SOURCE_TYPE*"),
        ],
        "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT VSS_E_UNEXPECTED",
    )],
};
/// `IVssExamineWriterMetadataEx2`.
const IVSSEXAMINEWRITERMETADATAEX2: Interface = Interface {
    name: "IVssExamineWriterMetadataEx2",
    kind: Kind::Interface,
    methods: &[
        method(
            "GetExcludeFromSnapshotCount",
            "nf-vsbackup-ivssexaminewritermetadataex2-getexcludefromsnapshotcount.md",
            &[output("pcExcludedFromSnapshot", "UINT*")],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_UNEXPECTED",
        ),
        method(
            "GetExcludeFromSnapshotFile",
            "nf-vsbackup-ivssexaminewritermetadataex2-getexcludefromsnapshotfile.md",
            &[input("iFile", "UINT"), output("ppFiledesc", "IVssWMFiledesc**")],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_UNEXPECTED",
        ),
        method(
            "GetVersion",
            "nf-vsbackup-ivssexaminewritermetadataex2-getversion.md",
            &[output("pdwMajorVersion", "DWORD*"), output("pdwMinorVersion", "DWORD*")],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_UNEXPECTED",
        ),
    ],
};
/// `IVssWMComponent`.
const IVSSWMCOMPONENT: Interface = Interface {
    name: "IVssWMComponent",
    kind: Kind::Interface,
    methods: &[
        method(
            "FreeComponentInfo",
            "nf-vsbackup-ivsswmcomponent-freecomponentinfo.md",
            &[input("pInfo", "PVSSCOMPONENTINFO")],
            "S_OK",
        ),
        method(
            "GetComponentInfo",
            "nf-vsbackup-ivsswmcomponent-getcomponentinfo.md",
            &[output("ppInfo", "PVSSCOMPONENTINFO*")],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT VSS_E_UNEXPECTED",
        ),
        method(
            "GetDatabaseFile",
            "nf-vsbackup-ivsswmcomponent-getdatabasefile.md",
            &[input("iDBFile", "UINT"), output("ppFiledesc", "IVssWMFiledesc**")],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT VSS_E_OBJECT_NOT_FOUND \
                VSS_E_UNEXPECTED",
        ),
        method(
            "GetDatabaseLogFile",
            "nf-vsbackup-ivsswmcomponent-getdatabaselogfile.md",
            &[input("iDbLogFile", "UINT"), output("ppFiledesc", "IVssWMFiledesc**")],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT VSS_E_OBJECT_NOT_FOUND \
                VSS_E_UNEXPECTED",
        ),
        method(
            "GetDependency",
            "nf-vsbackup-ivsswmcomponent-getdependency.md",
            &[input("iDependency", "UINT"), output("ppDependency", "IVssWMDependency**")],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT VSS_E_OBJECT_NOT_FOUND \
                VSS_E_UNEXPECTED",
        ),
        method(
            "GetFile",
            "nf-vsbackup-ivsswmcomponent-getfile.md",
            &[input("iFile", "UINT"), output("ppFiledesc", "IVssWMFiledesc**")],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT VSS_E_OBJECT_NOT_FOUND \
                VSS_E_UNEXPECTED",
        ),
    ],
};
