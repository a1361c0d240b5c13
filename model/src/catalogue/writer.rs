//! The methods of writers: what they call, and what is called of them.

use super::component;
use super::{Interface, Kind, input, method, output, reserved};

/// All of them.
pub(super) const ALL: &[Interface] = &[
    VSWRITER_H,
    CVSSWRITER,
    CVSSWRITEREX,
    CVSSWRITEREX2,
    component::IVSSCOMPONENT,
    component::IVSSCOMPONENTEX,
    component::IVSSCOMPONENTEX2,
    IVSSCREATEEXPRESSWRITERMETADATA,
    IVSSEXPRESSWRITER,
    IVSSCREATEWRITERMETADATA,
    IVSSCREATEWRITERMETADATAEX,
    IVSSWMDEPENDENCY,
    IVSSWMFILEDESC,
    component::IVSSWRITERCOMPONENTS,
];

/// `vswriter.h`.
const VSWRITER_H: Interface = Interface {
    name: "vswriter.h",
    kind: Kind::Functions,
    methods: &[
        method(
            "CreateVssExpressWriter",
            "nf-vswriter-createvssexpresswriter.md",
            &[output("ppWriter", "IVssExpressWriter**")],
            "S_OK E_ACCESSDENIED E_INVALIDARG",
        ),
        method(
            "CreateVssExpressWriterInternal",
            "nf-vswriter-createvssexpresswriterinternal.md",
            &[output("ppWriter", "IVssExpressWriter**")],
            "S_OK E_ACCESSDENIED E_INVALIDARG",
        ),
        method(
            "CreateWriter",
            "nf-vswriter-createwriter.md",
            &[reserved("pWriter", "CVssWriter*"), reserved("pWriterImpl", "IVssWriterImpl**")],
            "",
        ),
        method(
            "CreateWriterEx",
            "nf-vswriter-createwriterex.md",
            &[reserved("pWriter", "CVssWriterEx*"), reserved("pWriterImpl", "IVssWriterImpl**")],
            "S_OK HRESULT",
        ),
    ],
};
/// `CVssWriter`.
const CVSSWRITER: Interface = Interface {
    name: "CVssWriter",
    kind: Kind::Class,
    methods: &[
        method("AreComponentsSelected", "nf-vswriter-cvsswriter-arecomponentsselected.md", &[], "true false"),
        method("CVssWriter", "nf-vswriter-cvsswriter-cvsswriter.md", &[], ""),
        method("GetBackupType", "nf-vswriter-cvsswriter-getbackuptype.md", &[], "value"),
        method("GetContext", "nf-vswriter-cvsswriter-getcontext.md", &[], "value"),
        method("GetCurrentLevel", "nf-vswriter-cvsswriter-getcurrentlevel.md", &[], "value"),
        method("GetCurrentSnapshotSetId", "nf-vswriter-cvsswriter-getcurrentsnapshotsetid.md", &[], "value"),
        method("GetCurrentVolumeArray", "nf-vswriter-cvsswriter-getcurrentvolumearray.md", &[], "value"),
        method("GetCurrentVolumeCount", "nf-vswriter-cvsswriter-getcurrentvolumecount.md", &[], "value"),
        method("GetRestoreType", "nf-vswriter-cvsswriter-getrestoretype.md", &[], "value"),
        method(
            "GetSnapshotDeviceName",
            "nf-vswriter-cvsswriter-getsnapshotdevicename.md",
            &[input("wszOriginalVolume", "LPCWSTR"), output("ppwszSnapshotDevice", "LPCWSTR*")],
            "S_OK E_INVALIDARG VSS_E_BAD_STATE VSS_E_OBJECT_NOT_FOUND",
        ),
        method(
            "InstallAlternateWriter",
            "nf-vswriter-cvsswriter-installalternatewriter.md",
            &[reserved("writerId", "VSS_ID"), reserved("persistentWriterClassId", "CLSID")],
            "",
        ),
        method(
            "IsBootableSystemStateBackedUp",
            "nf-vswriter-cvsswriter-isbootablesystemstatebackedup.md",
            &[],
            "true false",
        ),
        method(
            "IsPartialFileSupportEnabled",
            "nf-vswriter-cvsswriter-ispartialfilesupportenabled.md",
            &[],
            "true false",
        ),
        method(
            "IsPathAffected",
            "nf-vswriter-cvsswriter-ispathaffected.md",
            &[input("wszPath", "LPCWSTR")],
            "true false",
        ),
        method("OnAbort", "nf-vswriter-cvsswriter-onabort.md", &[], "true false"),
        method(
            "OnBackOffIOOnVolume",
            "nf-vswriter-cvsswriter-onbackoffioonvolume.md",
            &[
                reserved("wszVolumeName", "VSS_PWSZ"),
                reserved("snapshotId", "VSS_ID"),
                reserved("providerId", "VSS_ID"),
            ],
            "",
        ),
        method(
            "OnBackupComplete",
            "nf-vswriter-cvsswriter-onbackupcomplete.md",
            &[input("pComponent", "IVssWriterComponents*").optional()],
            "true false",
        ),
        method(
            "OnBackupShutdown",
            "nf-vswriter-cvsswriter-onbackupshutdown.md",
            &[input("SnapshotSetId", "VSS_ID")],
            "true false",
        ),
        method(
            "OnContinueIOOnVolume",
            "nf-vswriter-cvsswriter-oncontinueioonvolume.md",
            &[
                reserved("wszVolumeName", "VSS_PWSZ"),
                reserved("snapshotId", "VSS_ID"),
                reserved("providerId", "VSS_ID"),
            ],
            "",
        ),
        method("OnFreeze", "nf-vswriter-cvsswriter-onfreeze.md", &[], "true false"),
        method(
            "Initialize",
            "nf-vswriter-cvsswriter-initialize.md",
            &[
                input("WriterId", "VSS_ID"),
                input("wszWriterName", "LPCWSTR"),
                input("ut", "VSS_USAGE_TYPE"),
                input("st", "VSS_SOURCE_TYPE"),
                input("nLevel", "VSS_APPLICATION_LEVEL"),
                input("dwTimeoutFreeze", "DWORD"),
                input("aws", "VSS_ALTERNATE_WRITER_STATE"),
                input("bIOThrottlingOnly", "bool"),
                input("wszWriterInstanceName", "LPCWSTR").optional(),
            ],
            "S_OK S_FALSE E_ACCESSDENIED E_INVALIDARG E_OUTOFMEMORY VSS_E_UNEXPECTED",
        ),
        method(
            "OnIdentify",
            "nf-vswriter-cvsswriter-onidentify.md",
            &[input("pMetadata", "IVssCreateWriterMetadata*")],
            "true false",
        ),
        method(
            "OnPostRestore",
            "nf-vswriter-cvsswriter-onpostrestore.md",
            &[input("pComponent", "IVssWriterComponents*").optional()],
            "true false",
        ),
        method(
            "OnPostSnapshot",
            "nf-vswriter-cvsswriter-onpostsnapshot.md",
            &[input("pComponent", "IVssWriterComponents*").optional()],
            "true false",
        ),
        method(
            "OnPrepareBackup",
            "nf-vswriter-cvsswriter-onpreparebackup.md",
            &[input("pComponent", "IVssWriterComponents*").optional()],
            "true false",
        ),
        method("OnPrepareSnapshot", "nf-vswriter-cvsswriter-onpreparesnapshot.md", &[], "true false"),
        method(
            "OnPreRestore",
            "nf-vswriter-cvsswriter-onprerestore.md",
            &[input("pComponent", "IVssWriterComponents*").optional()],
            "true false",
        ),
        method("OnThaw", "nf-vswriter-cvsswriter-onthaw.md", &[], "true false"),
        method("OnVSSApplicationStartup", "nf-vswriter-cvsswriter-onvssapplicationstartup.md", &[], ""),
        method("OnVSSShutdown", "nf-vswriter-cvsswriter-onvssshutdown.md", &[], ""),
        method(
            "SetWriterFailure",
            "nf-vswriter-cvsswriter-setwriterfailure.md",
            &[input("hr", "HRESULT")],
            "S_OK HRESULT",
        ),
        method(
            "Subscribe",
            "nf-vswriter-cvsswriter-subscribe.md",
            &[input("dwEventFlags", "DWORD")],
            "S_OK E_ACCESSDENIED E_OUTOFMEMORY VSS_E_UNEXPECTED VSS_E_WRITER_ALREADY_SUBSCRIBED",
        ),
        method("Unsubscribe", "nf-vswriter-cvsswriter-unsubscribe.md", &[], "S_OK E_OUTOFMEMORY VSS_E_UNEXPECTED"),
        method("~CVssWriter", "nf-vswriter-cvsswriter-~cvsswriter.md", &[], ""),
    ],
};
/// `CVssWriterEx`.
const CVSSWRITEREX: Interface = Interface {
    name: "CVssWriterEx",
    kind: Kind::Class,
    methods: &[
        method(
            "GetIdentifyInformation",
            "nf-vswriter-cvsswriterex-getidentifyinformation.md",
            &[output("ppMetadata", "IVssExamineWriterMetadata**")],
            "S_OK E_FAIL",
        ),
        method(
            "InitializeEx",
            "nf-vswriter-cvsswriterex-initializeex.md",
            &[
                input("WriterId", "VSS_ID"),
                input("wszWriterName", "LPCWSTR"),
                input("dwMajorVersion", "DWORD"),
                input("dwMinorVersion", "DWORD"),
                input("ut", "VSS_USAGE_TYPE"),
                input("st", "VSS_SOURCE_TYPE"),
                input("nLevel", "VSS_APPLICATION_LEVEL"),
                input("dwTimeoutFreeze", "DWORD"),
                input("aws", "VSS_ALTERNATE_WRITER_STATE"),
                input("bIOThrottlingOnly", "bool"),
                input("wszWriterInstanceName", "LPCWSTR").optional(),
            ],
            "S_OK S_FALSE E_ACCESSDENIED E_INVALIDARG E_OUTOFMEMORY VSS_E_UNEXPECTED",
        ),
        method(
            "OnIdentifyEx",
            "nf-vswriter-cvsswriterex-onidentifyex.md",
            &[input("pMetadata", "IVssCreateWriterMetadataEx*")],
            "true false",
        ),
        method(
            "SubscribeEx",
            "nf-vswriter-cvsswriterex-subscribeex.md",
            &[input("dwUnsubscribeTimeout", "DWORD"), input("dwEventFlags", "DWORD")],
            "S_OK E_ACCESSDENIED E_OUTOFMEMORY VSS_E_UNEXPECTED VSS_E_WRITER_ALREADY_SUBSCRIBED",
        ),
    ],
};
/// `CVssWriterEx2`.
const CVSSWRITEREX2: Interface = Interface {
    name: "CVssWriterEx2",
    kind: Kind::Class,
    methods: &[
        method(
            "GetSessionId",
            "nf-vswriter-cvsswriterex2-getsessionid.md",
            &[output("idSession", "VSS_ID*")],
            "S_OK HRESULT",
        ),
        method("IsWriterShuttingDown", "nf-vswriter-cvsswriterex2-iswritershuttingdown.md", &[], "true false"),
        method(
            "SetWriterFailureEx",
            "nf-vswriter-cvsswriterex2-setwriterfailureex.md",
            &[
                input("hrWriter", "HRESULT"),
                input("hrApplication", "HRESULT"),
                input("wszApplicationMessage", "LPCWSTR").optional(),
            ],
            "S_OK HRESULT",
        ),
    ],
};
/// `IVssCreateExpressWriterMetadata`.
const IVSSCREATEEXPRESSWRITERMETADATA: Interface = Interface {
    name: "IVssCreateExpressWriterMetadata",
    kind: Kind::Interface,
    methods: &[
        method(
            "AddComponent",
            "nf-vswriter-ivsscreateexpresswritermetadata-addcomponent.md",
            &[
                input("ct", "VSS_COMPONENT_TYPE"),
                input("wszLogicalPath", "LPCWSTR").optional(),
                input("wszComponentName", "LPCWSTR"),
                input("wszCaption", "LPCWSTR").optional(),
                input("pbIcon", "const BYTE*").optional(),
                input("cbIcon", "UINT"),
                input("bRestoreMetadata", "bool"),
                input("bNotifyOnBackupComplete", "bool"),
                input("bSelectable", "bool"),
                input("bSelectableForRestore", "bool"),
                input("dwComponentFlags", "DWORD"),
            ],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT VSS_E_OBJECT_ALREADY_EXISTS \
                VSS_E_UNEXPECTED",
        ),
        method(
            "AddComponentDependency",
            "nf-vswriter-ivsscreateexpresswritermetadata-addcomponentdependency.md",
            &[
                input("wszForLogicalPath", "LPCWSTR").optional(),
                input("wszForComponentName", "LPCWSTR"),
                input("onWriterId", "VSS_ID"),
                input("wszOnLogicalPath", "LPCWSTR").optional(),
                input("wszOnComponentName", "LPCWSTR"),
            ],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT VSS_E_OBJECT_NOT_FOUND \
                VSS_E_UNEXPECTED",
        ),
        method(
            "AddExcludeFiles",
            "nf-vswriter-ivsscreateexpresswritermetadata-addexcludefiles.md",
            &[input("wszPath", "LPCWSTR"), input("wszFilespec", "LPCWSTR"), input("bRecursive", "bool")],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT VSS_E_UNEXPECTED",
        ),
        method(
            "AddFilesToFileGroup",
            "nf-vswriter-ivsscreateexpresswritermetadata-addfilestofilegroup.md",
            &[
                input("wszLogicalPath", "LPCWSTR").optional(),
                input("wszGroupName", "LPCWSTR"),
                input("wszPath", "LPCWSTR"),
                input("wszFilespec", "LPCWSTR"),
                input("bRecursive", "bool"),
                reserved("wszAlternateLocation", "LPCWSTR"),
                input("dwBackupTypeMask", "DWORD"),
            ],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT VSS_E_OBJECT_NOT_FOUND \
                VSS_E_UNEXPECTED",
        ),
        method(
            "SaveAsXML",
            "nf-vswriter-ivsscreateexpresswritermetadata-saveasxml.md",
            &[output("pbstrXML", "BSTR*")],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT VSS_E_UNEXPECTED",
        ),
        method(
            "SetBackupSchema",
            "nf-vswriter-ivsscreateexpresswritermetadata-setbackupschema.md",
            &[input("dwSchemaMask", "DWORD")],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT",
        ),
        method(
            "SetRestoreMethod",
            "nf-vswriter-ivsscreateexpresswritermetadata-setrestoremethod.md",
            &[
                input("method", "VSS_RESTOREMETHOD_ENUM"),
                input("wszService", "LPCWSTR").optional(),
                reserved("wszUserProcedure", "LPCWSTR"),
                input("writerRestore", "VSS_WRITERRESTORE_ENUM"),
                input("bRebootRequired", "bool"),
            ],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT VSS_E_UNEXPECTED",
        ),
    ],
};
/// `IVssExpressWriter`.
const IVSSEXPRESSWRITER: Interface = Interface {
    name: "IVssExpressWriter",
    kind: Kind::Interface,
    methods: &[
        method(
            "CreateMetadata",
            "nf-vswriter-ivssexpresswriter-createmetadata.md",
            &[
                input("writerId", "VSS_ID"),
                input("writerName", "LPCWSTR"),
                input("usageType", "VSS_USAGE_TYPE"),
                input("versionMajor", "DWORD"),
                input("versionMinor", "DWORD"),
                reserved("reserved", "DWORD"),
                output("ppMetadata", "IVssCreateExpressWriterMetadata**"),
            ],
            "S_OK HRESULT",
        ),
        method(
            "LoadMetadata",
            "nf-vswriter-ivssexpresswriter-loadmetadata.md",
            &[input("metadata", "LPCWSTR"), reserved("reserved", "DWORD")],
            "S_OK VSS_E_INVALID_XML_DOCUMENT",
        ),
        method("Register", "nf-vswriter-ivssexpresswriter-register.md", &[], "S_OK VSS_E_OBJECT_ALREADY_EXISTS"),
        method(
            "Unregister",
            "nf-vswriter-ivssexpresswriter-unregister.md",
            &[input("writerId", "VSS_ID")],
            "S_OK VSS_E_OBJECT_NOT_FOUND",
        ),
    ],
};
/// `IVssCreateWriterMetadata`.
const IVSSCREATEWRITERMETADATA: Interface = Interface {
    name: "IVssCreateWriterMetadata",
    kind: Kind::Interface,
    methods: &[
        method(
            "AddAlternateLocationMapping",
            "nf-vswriter-ivsscreatewritermetadata-addalternatelocationmapping.md",
            &[
                input("wszSourcePath", "LPCWSTR"),
                input("wszSourceFilespec", "LPCWSTR"),
                input("bRecursive", "bool"),
                input("wszDestination", "LPCWSTR"),
            ],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT VSS_E_OBJECT_NOT_FOUND \
                VSS_E_UNEXPECTED",
        ),
        method(
            "AddComponent",
            "nf-vswriter-ivsscreatewritermetadata-addcomponent.md",
            &[
                input("ct", "VSS_COMPONENT_TYPE"),
                input("wszLogicalPath", "LPCWSTR").optional(),
                input("wszComponentName", "LPCWSTR"),
                input("wszCaption", "LPCWSTR").optional(),
                input("pbIcon", "const BYTE*").optional(),
                input("cbIcon", "UINT"),
                input("bRestoreMetadata", "bool"),
                input("bNotifyOnBackupComplete", "bool"),
                input("bSelectable", "bool"),
                input("bSelectableForRestore", "bool"),
                input("dwComponentFlags", "DWORD"),
            ],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT VSS_E_OBJECT_ALREADY_EXISTS \
                VSS_E_UNEXPECTED",
        ),
        method(
            "AddComponentDependency",
            "nf-vswriter-ivsscreatewritermetadata-addcomponentdependency.md",
            &[
                input("wszForLogicalPath", "LPCWSTR").optional(),
                input("wszForComponentName", "LPCWSTR"),
                input("onWriterId", "VSS_ID"),
                input("wszOnLogicalPath", "LPCWSTR").optional(),
                input("wszOnComponentName", "LPCWSTR"),
            ],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT VSS_E_OBJECT_NOT_FOUND \
                VSS_E_UNEXPECTED",
        ),
        method(
            "AddDatabaseFiles",
            "nf-vswriter-ivsscreatewritermetadata-adddatabasefiles.md",
            &[
                input("wszLogicalPath", "LPCWSTR").optional(),
                input("wszDatabaseName", "LPCWSTR"),
                input("wszPath", "LPCWSTR"),
                input("wszFilespec", "LPCWSTR"),
                input("dwBackupTypeMask", "DWORD"),
            ],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT VSS_E_OBJECT_NOT_FOUND \
                VSS_E_UNEXPECTED",
        ),
        method(
            "AddDatabaseLogFiles",
            "nf-vswriter-ivsscreatewritermetadata-adddatabaselogfiles.md",
            &[
                input("wszLogicalPath", "LPCWSTR").optional(),
                input("wszDatabaseName", "LPCWSTR"),
                input("wszPath", "LPCWSTR"),
                input("wszFilespec", "LPCWSTR"),
                input("dwBackupTypeMask", "DWORD"),
            ],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT VSS_E_OBJECT_NOT_FOUND \
                VSS_E_UNEXPECTED",
        ),
        method(
            "AddExcludeFiles",
            "nf-vswriter-ivsscreatewritermetadata-addexcludefiles.md",
            &[input("wszPath", "LPCWSTR"), input("wszFilespec", "LPCWSTR"), input("bRecursive", "bool")],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT VSS_E_UNEXPECTED",
        ),
        method(
            "AddFilesToFileGroup",
            "nf-vswriter-ivsscreatewritermetadata-addfilestofilegroup.md",
            &[
                input("wszLogicalPath", "LPCWSTR").optional(),
                input("wszGroupName", "LPCWSTR"),
                input("wszPath", "LPCWSTR"),
                input("wszFilespec", "LPCWSTR"),
                input("bRecursive", "bool"),
                input("wszAlternateLocation", "LPCWSTR").optional(),
                input("dwBackupTypeMask", "DWORD"),
            ],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT VSS_E_NOT_SUPPORTED \
                VSS_E_OBJECT_NOT_FOUND VSS_E_UNEXPECTED",
        ),
        method(
            "AddIncludeFiles",
            "nf-vswriter-ivsscreatewritermetadata-addincludefiles.md",
            &[
                reserved("wszPath", "LPCWSTR"),
                reserved("wszFilespec", "LPCWSTR"),
                reserved("bRecursive", "bool"),
                reserved("wszAlternateLocation", "LPCWSTR"),
            ],
            "",
        ),
        method(
            "GetDocument",
            "nf-vswriter-ivsscreatewritermetadata-getdocument.md",
            &[reserved("pDoc", "IXMLDOMDocument**")],
            "",
        ),
        method(
            "SaveAsXML",
            "nf-vswriter-ivsscreatewritermetadata-saveasxml.md",
            &[output("pbstrXML", "BSTR*")],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT VSS_E_UNEXPECTED",
        ),
        method(
            "SetBackupSchema",
            "nf-vswriter-ivsscreatewritermetadata-setbackupschema.md",
            &[input("dwSchemaMask", "DWORD")],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT VSS_E_NOT_SUPPORTED",
        ),
        method(
            "SetRestoreMethod",
            "nf-vswriter-ivsscreatewritermetadata-setrestoremethod.md",
            &[
                input("method", "VSS_RESTOREMETHOD_ENUM"),
                input("wszService", "LPCWSTR").optional(),
                reserved("wszUserProcedure", "LPCWSTR"),
                input("writerRestore", "VSS_WRITERRESTORE_ENUM"),
                input("bRebootRequired", "bool"),
            ],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT VSS_E_NOT_SUPPORTED \
                VSS_E_UNEXPECTED",
        ),
    ],
};
/// `IVssCreateWriterMetadataEx`.
const IVSSCREATEWRITERMETADATAEX: Interface = Interface {
    name: "IVssCreateWriterMetadataEx",
    kind: Kind::Interface,
    methods: &[method(
        "AddExcludeFilesFromSnapshot",
        "nf-vswriter-ivsscreatewritermetadataex-addexcludefilesfromsnapshot.md",
        &[input("wszPath", "LPCWSTR"), input("wszFilespec", "LPCWSTR"), input("bRecursive", "bool")],
        "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT VSS_E_NOT_SUPPORTED \
                VSS_E_UNEXPECTED",
    )],
};
/// `IVssWMDependency`.
const IVSSWMDEPENDENCY: Interface = Interface {
    name: "IVssWMDependency",
    kind: Kind::Interface,
    methods: &[
        method(
            "GetComponentName",
            "nf-vswriter-ivsswmdependency-getcomponentname.md",
            &[output("pbstrComponentName", "BSTR*")],
            "S_OK S_FALSE E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT VSS_E_UNEXPECTED",
        ),
        method(
            "GetLogicalPath",
            "nf-vswriter-ivsswmdependency-getlogicalpath.md",
            &[output("pbstrLogicalPath", "BSTR*")],
            "S_OK S_FALSE E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT VSS_E_UNEXPECTED",
        ),
        method(
            "GetWriterId",
            "nf-vswriter-ivsswmdependency-getwriterid.md",
            &[output("pWriterId", "VSS_ID*")],
            "S_OK S_FALSE E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT VSS_E_UNEXPECTED",
        ),
    ],
};
/// `IVssWMFiledesc`.
const IVSSWMFILEDESC: Interface = Interface {
    name: "IVssWMFiledesc",
    kind: Kind::Interface,
    methods: &[
        method(
            "GetAlternateLocation",
            "nf-vswriter-ivsswmfiledesc-getalternatelocation.md",
            &[output("pbstrAlternateLocation", "BSTR*")],
            "S_OK S_FALSE E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT VSS_E_UNEXPECTED",
        ),
        method(
            "GetBackupTypeMask",
            "nf-vswriter-ivsswmfiledesc-getbackuptypemask.md",
            &[output("pdwTypeMask", "DWORD*")],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT VSS_E_UNEXPECTED",
        ),
        method(
            "GetFilespec",
            "nf-vswriter-ivsswmfiledesc-getfilespec.md",
            &[output("pbstrFilespec", "BSTR*")],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT VSS_E_UNEXPECTED",
        ),
        method(
            "GetPath",
            "nf-vswriter-ivsswmfiledesc-getpath.md",
            &[output("pbstrPath", "BSTR*")],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_INVALID_XML_DOCUMENT VSS_E_UNEXPECTED",
        ),
        method(
            "GetRecursive",
            "nf-vswriter-ivsswmfiledesc-getrecursive.md",
            &[output("pbRecursive", "bool*")],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_UNEXPECTED VSS_E_INVALID_XML_DOCUMENT",
        ),
    ],
};
