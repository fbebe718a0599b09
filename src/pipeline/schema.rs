//! The schema of a pipeline file, as tables: that of DVC's `dvc.yaml`, and what we add to it.

use crate::pipeline::shape::Shape::{
    Any, Each, Either, Flag, List, Null, Open, Plain, Record, Scalar, Text, When,
};
use crate::pipeline::shape::{Field, Shape, field, required};

/// A whole pipeline file.
pub(super) const FILE: Shape = Record(&[&[
    field("stages", Each("stage", &STAGE_OR_GROUP)),
    field("vars", VARS),
    field("params", TEXTS),
    field("metrics", TEXTS),
    field("plots", PLOTS),
    field("predictions", Each("predictions file", &PREDICTIONS)),
    field("artifacts", Each("artifact", &Record(&[ARTIFACT]))),
    field("datasets", List(&DATASET)),
    field("report", Record(&[REPORT])),
    field("pools", Each("pool", &Scalar)),
    field("better", Each("metric", &Scalar)),
    field("gates", Each("gate", &GATES)),
]]);

const TEXTS: Shape = List(&Text);

const VARS: Shape = List(&Either(&[Plain]));

const STAGE_OR_GROUP: Shape = When(
    &["foreach", "do"],
    &Record(&[GROUP]),
    &Record(&[STAGE, MATRIX]),
);

const GROUP: &[Field] = &[
    required(
        "foreach",
        Either(&[List(&Any), Each("item", &Any), Text]),
        "add the list that the stages are made of, as in `foreach: [a, b]`",
    ),
    required(
        "do",
        Record(&[STAGE]),
        "put the stage's own keys below `do`, as in `do: {cmd: echo ${item}}`",
    ),
];

const MATRIX: &[Field] = &[field(
    "matrix",
    Each("matrix axis", &Either(&[List(&Any), Text])),
)];

const STAGE: &[Field] = &[
    required(
        "cmd",
        Either(&[List(&Scalar), Scalar]),
        "add the command that makes its outs, as in `cmd: python train.py`",
    ),
    field("wdir", Scalar),
    field("deps", List(&DEP)),
    field(
        "params",
        List(&Either(&[Scalar, Each("params file", &KEYS)])),
    ),
    field("outs", List(&Either(&[Text, Each("out", &Record(&[OUT]))]))),
    field(
        "metrics",
        List(&Either(&[Text, Each("out", &Record(&[OUT]))])),
    ),
    field("plots", List(&Either(&[Text, Each("out", &PLOT_OUT)]))),
    field("vars", VARS),
    field("frozen", Flag),
    field("always_changed", Flag),
    field("desc", Text),
    field("meta", Any),
    field("resources", Record(&[RESOURCES])),
    field("pools", Each("pool", &Scalar)),
    field("timeout", Scalar),
    field("retry", Either(&[Scalar, Record(&[RETRY])])),
];

const DEP: Shape = Either(&[
    Text,
    Record(&[&[required("cmd", Scalar, "write a path or `{cmd: …}`")]]),
]);

const KEYS: Shape = Either(&[List(&Scalar), Null]);

const OUT: &[Field] = &[
    field("cache", Flag),
    field("persist", Flag),
    field("remote", Text),
    field("push", Flag),
    field("desc", Text),
    field("type", Text),
    field("labels", TEXTS),
    field("meta", Any),
    // Written by older versions of DVC; it has had no meaning since.
    field("checkpoint", Flag),
];

const DRAWN: &[Field] = &[
    field("template", Text),
    field("x", Text),
    // Several columns are told where it is read.
    field("y", Either(&[Text, List(&Any), Each("y of", &Any)])),
    field("x_label", Text),
    field("y_label", Text),
    field("title", Text),
    field("header", Flag),
    field("x_scale", Text),
    field("y_scale", Text),
];

const PLOT_OUT: Shape = Either(&[Record(&[OUT, DRAWN]), List(&Record(&[OUT, DRAWN]))]);

const RESOURCES: &[Field] = &[
    field("cpus", Scalar),
    field("memory", Scalar),
    field("gpus", Scalar),
];

const RETRY: &[Field] = &[
    required("times", Scalar, "add how often, as in `times: 3`"),
    field("delay", Scalar),
];

/// A plot that belongs to no stage: an id or a path, with what is drawn of which files.
const PLOTS: Shape = Either(&[
    List(&Either(&[Text, Each("plot", &PLOT)])),
    Each("plot", &PLOT),
]);

const PLOT: Shape = Either(&[
    Null,
    Record(&[&[
        field("x", Either(&[Text, Each("x of", &Text)])),
        field(
            "y",
            Either(&[Text, TEXTS, Each("y of", &Either(&[Text, TEXTS]))]),
        ),
        field("x_label", Text),
        field("y_label", Text),
        field("title", Text),
        field("template", Text),
        field("header", Flag),
        field("x_scale", Text),
        field("y_scale", Text),
    ]]),
]);

/// What the columns of a file of predictions are called, and what they are for.
const PREDICTIONS: Shape = Either(&[
    Null,
    Record(&[&[
        field("id", Scalar),
        field("actual", Scalar),
        field("predicted", Scalar),
        field("score", Scalar),
        field("positive", Scalar),
        field("loss", Scalar),
        field("test_set", Text),
        field("metrics", Each("statistic", &Text)),
    ]]),
]);

const ARTIFACT: &[Field] = &[
    required(
        "path",
        Text,
        "add where it is, as in `path: models/best.pkl`",
    ),
    field("type", Text),
    field("desc", Text),
    field("labels", TEXTS),
    field("meta", Any),
];

/// The further keys depend on the type, and are those of services.
const DATASET: Shape = Open(&[
    required("name", Text, "add a name, as in `name: images`"),
    required("type", Text, "add a type, as in `type: url`"),
]);

const REPORT: &[Field] = &[
    field("path", Text),
    field("base", Text),
    field("template", Text),
];

const GATES: Shape = Either(&[Record(&[GATE]), List(&Record(&[GATE]))]);

const GATE: &[Field] = &[
    field("min", Scalar),
    field("max", Scalar),
    field("max_drop", Scalar),
    field("level", Text),
    field("better", Text),
    field("confidence", Scalar),
    field("prove", Text),
    field("missing_base", Text),
];
