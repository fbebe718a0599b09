//! The messages of TensorBoard that we write, field by field as its `.proto` files number them:
//! `event.proto`, `summary.proto` and, of the plugin for hyperparameters, `plugin_data.proto` and
//! `api.proto`.

use std::collections::BTreeMap;

/// A record of an event file.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Record {
    #[prost(double, tag = "1")]
    pub(super) wall_time: f64,
    #[prost(int64, tag = "2")]
    pub(super) step: i64,
    #[prost(oneof = "What", tags = "3, 5")]
    pub(super) what: Option<What>,
}

/// What a record holds.
#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum What {
    #[prost(string, tag = "3")]
    FileVersion(String),
    #[prost(message, tag = "5")]
    Summary(Summary),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Summary {
    #[prost(message, repeated, tag = "1")]
    pub(super) values: Vec<SummaryValue>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct SummaryValue {
    #[prost(string, tag = "1")]
    pub(super) tag: String,
    #[prost(message, optional, tag = "9")]
    pub(super) metadata: Option<Metadata>,
    #[prost(oneof = "Shown", tags = "2, 4")]
    pub(super) shown: Option<Shown>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum Shown {
    #[prost(float, tag = "2")]
    Scalar(f32),
    #[prost(message, tag = "4")]
    Image(Image),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Image {
    #[prost(int32, tag = "1")]
    pub(super) height: i32,
    #[prost(int32, tag = "2")]
    pub(super) width: i32,
    /// 3 is RGB.
    #[prost(int32, tag = "3")]
    pub(super) colorspace: i32,
    #[prost(bytes = "vec", tag = "4")]
    pub(super) png: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Metadata {
    #[prost(message, optional, tag = "1")]
    pub(super) plugin: Option<Plugin>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Plugin {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) content: Vec<u8>,
}

/// `HParamsPluginData`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Hyperparameters {
    #[prost(int32, tag = "1")]
    pub(super) version: i32,
    #[prost(oneof = "Told", tags = "2, 3, 4")]
    pub(super) told: Option<Told>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum Told {
    #[prost(message, tag = "2")]
    Experiment(Experiment),
    #[prost(message, tag = "3")]
    Start(SessionStart),
    #[prost(message, tag = "4")]
    End(SessionEnd),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Experiment {
    #[prost(double, tag = "3")]
    pub(super) created: f64,
    #[prost(message, repeated, tag = "4")]
    pub(super) hyperparameters: Vec<HyperparameterInfo>,
    #[prost(message, repeated, tag = "5")]
    pub(super) metrics: Vec<MetricInfo>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct HyperparameterInfo {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    /// 1 is text, 2 truth, 3 a number.
    #[prost(int32, tag = "4")]
    pub(super) kind: i32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct MetricInfo {
    #[prost(message, optional, tag = "1")]
    pub(super) name: Option<MetricName>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct MetricName {
    #[prost(string, tag = "2")]
    pub(super) tag: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct SessionStart {
    #[prost(btree_map = "string, message", tag = "1")]
    pub(super) hyperparameters: BTreeMap<String, Setting>,
    #[prost(double, tag = "5")]
    pub(super) started: f64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct SessionEnd {
    /// 1 is success, 2 failure.
    #[prost(int32, tag = "1")]
    pub(super) status: i32,
    #[prost(double, tag = "2")]
    pub(super) ended: f64,
}

/// `google.protobuf.Value`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Setting {
    #[prost(oneof = "SettingKind", tags = "2, 3, 4")]
    pub(super) kind: Option<SettingKind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum SettingKind {
    #[prost(double, tag = "2")]
    Number(f64),
    #[prost(string, tag = "3")]
    Text(String),
    #[prost(bool, tag = "4")]
    Truth(bool),
}
