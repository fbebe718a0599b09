"""Prints as JSON what the real TensorBoard reads in the folder of a run.

    pip install tensorboard && python tests/oracles/tensorboard_reads.py logs/RUN

Ends with 77 where the package is missing.
"""

import json
import os
import sys

try:
    from tensorboard.backend.event_processing import event_accumulator
    from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
    from tensorboard.compat.proto import event_pb2
    from tensorboard.plugins.hparams import metadata
except ImportError as error:
    print(error, file=sys.stderr)
    sys.exit(77)

folder = sys.argv[1]
for name in os.listdir(folder):
    if "tfevents" in name:
        # Reads every record and checks both checksums of it.
        for raw in RawEventFileLoader(os.path.join(folder, name)).Load():
            event_pb2.Event.FromString(raw)

accumulator = event_accumulator.EventAccumulator(folder, size_guidance={"scalars": 0, "images": 0})
accumulator.Reload()
tags = accumulator.Tags()
scalars = {}
for tag in tags["scalars"]:
    scalars[tag] = [[event.step, event.value] for event in accumulator.Scalars(tag)]
for tag in tags["tensors"]:
    for event in accumulator.Tensors(tag):
        values = list(event.tensor_proto.float_val)
        scalars.setdefault(tag, []).append([event.step, values[0] if values else None])
images = {}
for tag in tags["images"]:
    (image,) = accumulator.Images(tag)
    images[tag] = [image.step, image.width, image.height, image.encoded_image_string[:8].hex()]
contents = accumulator.summary_metadata
settings, status, metrics = {}, None, []
for tag, of in contents.items():
    if of.plugin_data.plugin_name != metadata.PLUGIN_NAME:
        continue
    content = of.plugin_data.content
    if tag == metadata.SESSION_START_INFO_TAG:
        info = metadata.parse_session_start_info_plugin_data(content)
        for key, value in info.hparams.items():
            settings[key] = getattr(value, value.WhichOneof("kind"))
    if tag == metadata.SESSION_END_INFO_TAG:
        status = metadata.parse_session_end_info_plugin_data(content).status
    if tag == metadata.EXPERIMENT_TAG:
        experiment = metadata.parse_experiment_plugin_data(content)
        metrics = [info.name.tag for info in experiment.metric_infos]
print(json.dumps({"scalars": scalars, "images": images, "settings": settings, "status": status, "metrics": metrics}))
