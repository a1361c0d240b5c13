//! What a component of a Backup Components Document holds beside its attributes: mappings, new and directed targets,
//! subcomponents, roll-forward, failures. Each is what the methods of the interfaces pass; no public document shows them.

use super::backup_components::{BackupComponents, ComponentView};
use super::error::DocumentError;
use super::shape;
use super::tree::{Element, yes_no};
use super::values::RollForwardType;
use crate::api::ComponentName;
use crate::hresult::HResult;
use crate::ids::{Guid, WriterInstanceId};

/// Files and where they go instead: a new target, an alternate location.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapping<'a> {
    /// The folder.
    pub path: &'a str,
    /// The file specification.
    pub filespec: &'a str,
    /// Whether folders below belong to it.
    pub recursive: bool,
    /// The other folder.
    pub alternate_path: &'a str,
}

/// Ranges of a file that go to ranges of another (AddDirectedTarget).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirectedTarget<'a> {
    /// The folder of the file that was backed up.
    pub source_path: &'a str,
    /// Its name.
    pub source_filename: &'a str,
    /// Offsets and lengths, `offset:length` joined by commas.
    pub source_ranges: &'a str,
    /// The folder of the file to write.
    pub destination_path: &'a str,
    /// Its name.
    pub destination_filename: &'a str,
    /// Offsets and lengths, as many as of the source.
    pub destination_ranges: &'a str,
}

/// A failure of one component (IVssComponentEx2::SetFailure).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure<'a> {
    /// The code for VSS.
    pub hresult: HResult,
    /// The application's own code.
    pub application: HResult,
    /// The application's message.
    pub message: Option<&'a str>,
}

impl BackupComponents {
    /// `AddRestoreSubcomponent`.
    ///
    /// # Errors
    /// If the component is missing, the subcomponent has no name, or a text cannot stand in XML.
    pub fn add_restore_subcomponent(
        &mut self,
        component: &ComponentName,
        logical_path: &str,
        name: &str,
    ) -> Result<(), DocumentError> {
        let part = Element::new(&shape::RESTORE_SUBCOMPONENT)
            .with_some("logicalPath", Some(logical_path).filter(|path| !path.is_empty()))?
            .with("componentName", name)?;
        self.component_mut(component)?.push(part);
        Ok(())
    }

    /// `AddNewTarget`: where the files of the component are restored to instead.
    ///
    /// # Errors
    /// If the component is missing, there is no file specification, or a text cannot stand in XML.
    pub fn add_new_target(&mut self, component: &ComponentName, target: Mapping<'_>) -> Result<(), DocumentError> {
        let part = mapping(Element::new(&shape::NEW_TARGET), target)?;
        self.component_mut(component)?.push(part);
        Ok(())
    }

    /// `AddAlternativeLocationMapping`: an alternate location that was used.
    ///
    /// # Errors
    /// As [`Self::add_new_target`].
    pub fn add_alternative_location_mapping(
        &mut self,
        component: &ComponentName,
        used: Mapping<'_>,
    ) -> Result<(), DocumentError> {
        let part = mapping(Element::new(&shape::ALTERNATE_LOCATION_MAPPING), used)?;
        self.component_mut(component)?.push(part);
        Ok(())
    }

    /// `AddDirectedTarget`.
    ///
    /// # Errors
    /// If the component is missing, a file has no name, or a text cannot stand in XML.
    pub fn add_directed_target(
        &mut self,
        component: &ComponentName,
        target: DirectedTarget<'_>,
    ) -> Result<(), DocumentError> {
        let part = Element::new(&shape::DIRECTED_TARGET)
            .with("sourcePath", target.source_path)?
            .with("sourceFilename", target.source_filename)?
            .with("sourceRangeList", target.source_ranges)?
            .with("destinationPath", target.destination_path)?
            .with("destinationFilename", target.destination_filename)?
            .with("destinationRangeList", target.destination_ranges)?;
        self.component_mut(component)?.push(part);
        Ok(())
    }

    /// `SetRangesFilePath`: where the ranges file of a partial file was restored to.
    ///
    /// # Errors
    /// If the component is missing, or the text cannot stand in XML.
    /// `Ok(false)` if it has no such partial file.
    pub fn set_ranges_file_path(
        &mut self,
        component: &ComponentName,
        index: usize,
        path: &str,
    ) -> Result<bool, DocumentError> {
        let component = self.component_mut(component)?;
        let partial = component.elements().enumerate().filter(|(_, child)| child.rule.name == shape::PARTIAL_FILE.name);
        let found = partial.map(|(at, _)| at).nth(index);
        match found.and_then(|at| component.child_mut(at)) {
            Some(file) => file.set("ranges", path).map(|()| true),
            None => Ok(false),
        }
    }

    /// `SetSelectedForRestoreEx`: the instance to which a component of a writer with several instances is restored.
    ///
    /// # Errors
    /// If the component is missing.
    pub fn set_selected_instance(
        &mut self,
        component: &ComponentName,
        instance: WriterInstanceId,
    ) -> Result<(), DocumentError> {
        self.component_mut(component)?.put("selectedInstanceId", &instance.0.to_string());
        Ok(())
    }

    /// `SetRollForward`.
    ///
    /// # Errors
    /// If the component is missing, or the text cannot stand in XML.
    pub fn set_roll_forward(
        &mut self,
        component: &ComponentName,
        kind: RollForwardType,
        point: Option<&str>,
    ) -> Result<(), DocumentError> {
        let component = self.component_mut(component)?;
        component.put("rollForwardType", kind.word());
        point.map_or(Ok(()), |point| component.set("rollForwardPoint", point))
    }

    /// `IVssComponentEx2::SetFailure`.
    ///
    /// # Errors
    /// If the component is missing, or the text cannot stand in XML.
    pub fn set_failure(&mut self, component: &ComponentName, failure: Failure<'_>) -> Result<(), DocumentError> {
        let component = self.component_mut(component)?;
        component.put("failure", &failure.hresult.0.to_string());
        component.put("failureApplication", &failure.application.0.to_string());
        failure.message.map_or(Ok(()), |message| component.set("failureApplicationMessage", message))
    }
}

fn mapping(element: Element, mapping: Mapping<'_>) -> Result<Element, DocumentError> {
    element
        .with("path", mapping.path)?
        .with("filespec", mapping.filespec)?
        .having("recursive", yes_no(mapping.recursive))
        .with("alternatePath", mapping.alternate_path)
}

impl<'a> ComponentView<'a> {
    /// The subcomponents to restore: logical path and name.
    pub fn restore_subcomponents(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let each = self.element.children_named(shape::RESTORE_SUBCOMPONENT.name);
        each.map(|e| (e.text("logicalPath"), e.text("componentName")))
    }

    /// The new targets.
    pub fn new_targets(self) -> impl Iterator<Item = Mapping<'a>> {
        self.element.children_named(shape::NEW_TARGET.name).map(as_mapping)
    }

    /// The alternate locations that were used.
    pub fn alternate_location_mappings(self) -> impl Iterator<Item = Mapping<'a>> {
        self.element.children_named(shape::ALTERNATE_LOCATION_MAPPING.name).map(as_mapping)
    }

    /// The directed targets.
    pub fn directed_targets(self) -> impl Iterator<Item = DirectedTarget<'a>> {
        self.element.children_named(shape::DIRECTED_TARGET.name).map(|e| DirectedTarget {
            source_path: e.text("sourcePath"),
            source_filename: e.text("sourceFilename"),
            source_ranges: e.text("sourceRangeList"),
            destination_path: e.text("destinationPath"),
            destination_filename: e.text("destinationFilename"),
            destination_ranges: e.text("destinationRangeList"),
        })
    }

    /// The instance that SetSelectedForRestoreEx named.
    #[must_use]
    pub fn selected_instance(self) -> Option<WriterInstanceId> {
        self.element.get("selectedInstanceId").and_then(|id| id.parse::<Guid>().ok()).map(WriterInstanceId)
    }

    /// How far the log is rolled forward, and to which point.
    #[must_use]
    pub fn roll_forward(self) -> (RollForwardType, Option<&'a str>) {
        let kind = self.element.get("rollForwardType").and_then(RollForwardType::from_word);
        (kind.unwrap_or(RollForwardType::Undefined), self.element.get("rollForwardPoint"))
    }

    /// The failure of this component alone; none if it has none.
    #[must_use]
    pub fn failure(self) -> Option<Failure<'a>> {
        let code = |name: &str| self.element.get(name).and_then(|code| code.parse().ok()).map(HResult);
        let application = code("failureApplication").unwrap_or(HResult::S_OK);
        let message = self.element.get("failureApplicationMessage");
        Some(Failure { hresult: code("failure")?, application, message })
    }
}

fn as_mapping(e: &Element) -> Mapping<'_> {
    Mapping {
        path: e.text("path"),
        filespec: e.text("filespec"),
        recursive: e.yes("recursive"),
        alternate_path: e.text("alternatePath"),
    }
}
