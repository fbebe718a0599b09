//! Which way a metric is better: as the pipeline says, else judged by its name.

use crate::base::path::RepoPath;
use crate::pipeline::{Better, Directions};

/// What a change of a metric means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It got better.
    Better,
    /// It got worse.
    Worse,
    /// It changed; nobody knows whether that is good.
    Neutral,
}

/// What words a name may end with say of the direction: the longest of them counts. docs/metrics.md lists
/// them for people.
const WORDS: [(Better, &str); 2] = [
    (
        Better::Higher,
        "accuracy acc auc roc_auc auroc pr_auc auprc ap average_precision map precision recall f1 f1_score f2 fbeta fscore \
         r2 r_squared r2_score explained_variance score bleu chrf meteor rouge rougel rouge_l rougelsum cider spice bertscore \
         exact_match em iou miou jaccard dice mcc matthews_corrcoef kappa gini sensitivity specificity tpr tnr ppv npv \
         true_positive_rate true_negative_rate hit_rate hits success_rate win_rate pass_rate pass coverage lift ndcg mrr \
         silhouette psnr ssim pearson spearman kendall correlation corr likelihood log_likelihood elbo reward return \
         throughput speedup top",
    ),
    (
        Better::Lower,
        "loss error error_rate err mistakes misclassified mse rmse mae mape smape wape mase msle rmsle medae deviance \
         perplexity ppl bits_per_byte bpb bits_per_char bpc wer cer ter mer edit_distance hamming fid kid lpips brier \
         brier_score brier_score_loss ece mce crps pinball log_loss logloss nll cross_entropy crossentropy bce hinge \
         kl kl_divergence divergence regret fpr fnr fdr far frr eer false_positive_rate false_negative_rate \
         false_discovery_rate false_alarm_rate miss_rate failure_rate loss_rate anomaly_score latency",
    ),
];

/// What may stand behind a name: averages, parts of the data, units.
const TAILS: &[&str] = &[
    "macro",
    "micro",
    "weighted",
    "mean",
    "avg",
    "median",
    "samples",
    "overall",
    "total",
    "best",
    "final",
    "last",
    "train",
    "val",
    "valid",
    "validation",
    "test",
    "dev",
    "eval",
    "ns",
    "us",
    "ms",
    "s",
    "sec",
    "seconds",
    "pct",
    "percent",
    "p50",
    "p90",
    "p95",
    "p99",
    "at",
    "k",
];

/// What turns a direction round, as in scikit-learn's `neg_mean_squared_error`.
const TURNS: &[&str] = &["neg_", "negative_"];

/// Words at the end of names that describe a metric's spread or size, whatever stands before them.
const NEITHER: &[&str] = &[
    "std", "stdev", "stderr", "sem", "var", "variance", "support", "count", "n",
];

impl Verdict {
    /// Returns the word for it, empty where nothing is known.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::Neutral => "",
        }
    }

    /// Judges a change by `delta` of a metric that is better that way.
    pub(crate) fn of(better: Option<Better>, delta: f64) -> Self {
        match better {
            None => Self::Neutral,
            Some(_) if delta == 0.0 || delta.is_nan() => Self::Neutral,
            Some(better) if better.sign() * delta > 0.0 => Self::Better,
            Some(_) => Self::Worse,
        }
    }
}

/// Returns which way the metric `key` of the file at `path` is better, if anybody knows.
pub(crate) fn direction(declared: &Directions, path: &RepoPath, key: &str) -> Option<Better> {
    declared.of(path, key).or_else(|| by_name(key))
}

/// The last part that says anything decides: `macro.f1`, `f1.class_8`, `val_loss`.
fn by_name(key: &str) -> Option<Better> {
    let last = snake_case(key.rsplit('.').next().unwrap_or(key));
    if NEITHER.iter().any(|word| before(&last, word).is_some()) {
        return None;
    }
    key.rsplit('.').find_map(|part| of_part(&snake_case(part)))
}

/// A part may have more before and behind, as in `test_loss`, `latency_ms` or `ndcg@10`.
fn of_part(name: &str) -> Option<Better> {
    let turn = TURNS.iter().find_map(|turn| name.strip_prefix(turn));
    if let Some(rest) = turn {
        return of_part(rest).map(Better::opposite);
    }
    of_words(name).or_else(|| {
        let tail = |tail: &&str| before(name, tail).filter(|rest| !rest.is_empty());
        let shorter = TAILS.iter().find_map(tail);
        let is_number = |letter: char| letter.is_ascii_digit() || letter == '_';
        let without_number = || Some(name.trim_end_matches(is_number)).filter(|rest| *rest != name);
        let shorter = shorter.or_else(without_number);
        of_part(shorter.filter(|rest| !rest.is_empty())?)
    })
}

/// Returns what the longest of the words says that `name` ends with.
fn of_words(name: &str) -> Option<Better> {
    let known = WORDS.iter();
    let known = known.flat_map(|(better, words)| words.split(' ').map(move |word| (word, *better)));
    let fits = known.filter(|(word, _)| before(name, word).is_some());
    fits.max_by_key(|(word, _)| word.len())
        .map(|(_, better)| better)
}

/// Returns what stands before `word` at the end of `name`; `None` if it does not end with the word.
fn before<'a>(name: &'a str, word: &str) -> Option<&'a str> {
    let rest = name.strip_suffix(word)?;
    if rest.is_empty() {
        return Some(rest);
    }
    rest.strip_suffix('_')
}

/// Writes `valLoss`, `F1-score` and `BLEU@4` as `val_loss`, `f1_score` and `bleu_4`.
fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    let mut was_small = false;
    for letter in name.chars() {
        if letter.is_uppercase() && was_small {
            snake.push('_');
        }
        was_small = letter.is_lowercase();
        match letter {
            '-' | ' ' | '@' | '/' => snake.push('_'),
            letter => snake.extend(letter.to_lowercase()),
        }
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_the_direction() {
        let verdict = |key, delta| Verdict::of(by_name(key), delta);
        assert_eq!(verdict("accuracy", 0.1), Verdict::Better);
        assert_eq!(verdict("test_loss", 0.1), Verdict::Worse);
        assert_eq!(verdict("f1.class_8", -0.1), Verdict::Worse);
        assert_eq!(verdict("f1_macro", 0.1), Verdict::Better);
        assert_eq!(verdict("latency_ms", 0.1), Verdict::Worse);
        assert_eq!(verdict("count", 3.0), Verdict::Neutral);
        assert_eq!(verdict("accuracy.std", 3.0), Verdict::Neutral);
        assert_eq!(verdict("accuracy", 0.0), Verdict::Neutral);
        assert_eq!(verdict("accuracy", f64::NAN), Verdict::Neutral);
    }

    #[test]
    fn names_of_many_kinds_are_known() {
        let higher = [
            "auroc",
            "val_auroc",
            "test.AUROC",
            "score",
            "f1-score",
            "F1 score",
            "balanced_accuracy",
            "R2",
            "bleu",
            "BLEU-4",
            "rougeL",
            "rouge1",
            "mAP",
            "mAP@0.5",
            "map50",
            "ndcg@10",
            "precision_at_10",
            "recall_8",
            "top5",
            "top5_accuracy",
            "valAccuracy",
            "neg_mean_squared_error",
            "log_likelihood",
            "true_positive_rate",
            "hit_rate",
            "psnr",
            "f2",
            "accuracy_test",
            "pass@1",
            "exact_match",
        ];
        let lower = [
            "error_rate",
            "word_error_rate",
            "errorRate",
            "loss",
            "valLoss",
            "mae",
            "rmse",
            "val_rmse",
            "MAPE",
            "perplexity",
            "brier_score",
            "log_loss",
            "logloss",
            "neg_log_likelihood",
            "nll",
            "false_positive_rate",
            "mean_absolute_error",
            "latency_p95_ms",
            "wer",
            "fid",
            "eer",
            "cross_entropy",
            "loss_1",
            "train.loss",
        ];
        for (names, better) in [(&higher[..], Better::Higher), (&lower[..], Better::Lower)] {
            for name in names {
                assert_eq!(by_name(name), Some(better), "{name}");
            }
        }
        for name in [
            "support",
            "loss_std",
            "n",
            "parameters",
            "size",
            "lr",
            "steps",
            "epoch",
            "map_size",
            "x",
            "8",
            "_",
            "",
        ] {
            assert_eq!(by_name(name), None, "{name}");
        }
    }

    #[test]
    fn the_manual_lists_the_same_words() {
        let manual = include_str!("../../docs/metrics.md");
        for (better, words) in WORDS {
            let line = match better {
                Better::Higher => "| higher |",
                Better::Lower => "| lower |",
            };
            let row = manual.lines().find(|text| text.starts_with(line));
            let row = row
                .expect("a row")
                .trim_start_matches(line)
                .trim_matches(['|', ' ']);
            assert_eq!(row.replace(['`', ','], ""), words, "{line}");
        }
    }
}
