//! `Question`: what a person is asked before something is done to a stage; and the `Answer`.

use crate::engine::decide::Reason;
use crate::pipeline::StageName;

/// What is asked.
#[derive(Debug)]
pub(crate) struct Question {
    /// The stage that it is about.
    pub(crate) stage: StageName,
    /// Why something is to be done to it.
    pub(crate) reasons: Vec<Reason>,
}

/// What a person says to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Do it.
    Yes,
    /// Leave the stage alone.
    No,
    /// Do it, and ask no more.
    All,
    /// Leave all alone from here on.
    Quit,
}

/// When a person is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Consent {
    /// Never: the command line has said it all.
    #[default]
    Given,
    /// Before a command runs, and before an out is recorded that may come of other inputs.
    Asked,
}

/// Puts questions to a person, one at a time.
pub(crate) type Ask<'a> = dyn FnMut(&Question) -> Answer + 'a;
