"""Holds what `mlpipe ml evaluate --probabilities` wrote against scikit-learn.

    pip install numpy scikit-learn && python tests/oracles/evaluation.py FOLDER

FOLDER is a project's, with `data/probabilities.csv`, `data/predictions.csv` and `reports/`. Ends with 77
where a package is missing, with 1 where a number differs. The expected calibration error, which no package
here has, is written out in the plainest form.
"""

import csv
import json
import os
import sys

try:
    import numpy
    from sklearn import metrics
except ImportError as error:
    print(error, file=sys.stderr)
    sys.exit(77)

folder = sys.argv[1]


def rows(name):
    with open(os.path.join(folder, name), newline="") as file:
        return list(csv.DictReader(file))


predictions = rows("data/predictions.csv")
classes = [row["class"] for row in rows("reports/per_class.csv")]
probabilities = numpy.array([float(row["probability"]) for row in rows("data/probabilities.csv")])
probabilities = probabilities.reshape(len(predictions), len(classes))
actual = numpy.array([classes.index(row["label"]) for row in predictions])
predicted = numpy.array([classes.index(row["predicted"]) for row in predictions])
with open(os.path.join(folder, "reports/metrics.json")) as file:
    found = json.load(file)
everything = list(range(len(classes)))


def check(name, ours, theirs):
    # Ours are written with six digits.
    if abs(ours - theirs) > 2e-6 * max(1, abs(theirs)):
        print(f"{name}: mlpipe says {ours}, scikit-learn {theirs}")
        check.bad = True
    check.count += 1


check.bad, check.count = False, 0
check("accuracy", found["accuracy"], metrics.accuracy_score(actual, predicted))
check("log loss", found["loss"], metrics.log_loss(actual, probabilities, labels=everything))
for k, share in found["top_k"].items():
    theirs = metrics.top_k_accuracy_score(actual, probabilities, k=int(k), labels=everything)
    check(f"top {k}", share, theirs)
areas = [metrics.roc_auc_score(actual == c, probabilities[:, c]) for c in everything if 0 < (actual == c).sum() < len(actual)]
check("ROC AUC, the classes that are there", found["roc_auc"], numpy.mean(areas))
if len(areas) == len(classes):
    theirs = metrics.roc_auc_score(actual, probabilities, multi_class="ovr", average="macro", labels=everything)
    check("ROC AUC", found["roc_auc"], theirs)
for average in ["macro", "weighted"]:
    theirs = metrics.precision_recall_fscore_support(
        actual, predicted, labels=everything, average=average, zero_division=0)
    for key, value in zip(["precision", "recall", "f1"], theirs):
        check(f"{average} {key}", found[average][key], value)
each = metrics.precision_recall_fscore_support(actual, predicted, labels=everything, zero_division=0)
for key, values in zip(["precision", "recall", "f1"], each):
    for name, value in zip(classes, values):
        check(f"{key} of {name}", found[key][f"class_{name}"], value)
matrix = metrics.confusion_matrix(actual, predicted, labels=everything)
for row in rows("reports/confusion.csv"):
    check("confusion", int(row["count"]), matrix[classes.index(row["actual"])][classes.index(row["predicted"])])

confidence, right, error = probabilities.max(1), actual == probabilities.argmax(1), 0.0
for low in numpy.arange(15) / 15:
    inside = (confidence > low) & (confidence <= low + 1 / 15)
    if inside.any():
        error += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
check("calibration error", found["calibration_error"], error)
print(f"{check.count} numbers checked")
sys.exit(check.bad)
