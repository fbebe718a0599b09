//! `Interval`, `Confidence` and `Estimate`: what is known of a number.

use serde::{Deserialize, Serialize};

use crate::statistics::{normal, student};

/// Where a number lies, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Interval {
    /// Returns `centre` ± `half`, no further out than `from` and `to`.
    pub(super) fn around(centre: f64, half: f64, from: f64, to: f64) -> Self {
        Self {
            low: (centre - half).clamp(from, to),
            high: (centre + half).clamp(from, to),
        }
    }

    /// Returns whether `number` lies in it.
    pub fn contains(&self, number: f64) -> bool {
        self.low <= number && number <= self.high
    }
}

/// How often an interval holds the truth: a share between 0 and 1, neither of which it is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Confidence(f64);

impl Confidence {
    /// Makes a confidence of a share; `None` unless 0 < `share` < 1.
    ///
    /// ```
    /// use mlpipe::statistics::Confidence;
    /// assert!(Confidence::new(0.99).is_some());
    /// assert_eq!(Confidence::new(95.0), None);
    /// ```
    pub fn new(share: f64) -> Option<Self> {
        (share > 0.0 && share < 1.0).then_some(Self(share))
    }

    /// Returns the share.
    pub fn share(self) -> f64 {
        self.0
    }

    /// Returns the share of errors, below which a p-value counts as significant.
    pub fn error(self) -> f64 {
        1.0 - self.0
    }

    /// Returns how many standard errors of a normal distribution an interval reaches to each side.
    pub fn critical(self) -> f64 {
        normal::upper_quantile(self.error() / 2.0)
    }
}

/// 95 %.
impl Default for Confidence {
    fn default() -> Self {
        Self(0.95)
    }
}

/// A difference, `here` − `base`, whose standard error is known.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The value of the base.
    pub base: f64,
    /// The value compared with it.
    pub here: f64,
    /// The standard error of the difference; `None` where there is too little to tell. It is 0 only
    /// where the difference is.
    pub error: Option<f64>,
    /// The degrees of freedom of Student's distribution; `None` for the normal one.
    pub freedom: Option<f64>,
}

impl Estimate {
    /// Returns the difference.
    pub fn difference(&self) -> f64 {
        self.here - self.base
    }

    /// Returns where the difference lies; `None` where there is too little to tell.
    pub fn interval(&self, confidence: Confidence) -> Option<Interval> {
        let critical = match self.freedom {
            Some(freedom) => student::critical(confidence, freedom),
            None => confidence.critical(),
        };
        let half = critical * self.error?;
        Some(Interval {
            low: self.difference() - half,
            high: self.difference() + half,
        })
    }

    /// Returns how likely so great a difference is where there is none, two-sided; `None` as above.
    pub fn p_value(&self) -> Option<f64> {
        let error = self.error?;
        if error <= 0.0 {
            return Some(1.0);
        }
        let distance = self.difference() / error;
        Some(match self.freedom {
            Some(freedom) => student::two_sided(distance, freedom),
            None => normal::two_sided(distance),
        })
    }
}
