(function () {
  "use strict";
  var root = document.documentElement;
  var svgName = "http://www.w3.org/2000/svg";

  // Light or dark: as the system has it, until somebody says otherwise.
  function remembered(theme) {
    try {
      if (theme) localStorage.setItem("mlpipe-theme", theme);
      return localStorage.getItem("mlpipe-theme");
    } catch (error) {
      return theme;
    }
  }
  var chosen = remembered();
  if (chosen === "dark" || chosen === "light") root.dataset.theme = chosen;
  var button = document.getElementById("theme");
  if (button) {
    button.addEventListener("click", function () {
      var system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
      root.dataset.theme = (root.dataset.theme || system) === "dark" ? "light" : "dark";
      remembered(root.dataset.theme);
    });
  }

  var tip = document.createElement("div");
  tip.className = "tip plot";
  tip.hidden = true;
  document.body.appendChild(tip);

  function showTip(event, lines) {
    tip.textContent = "";
    lines.forEach(function (line) {
      var row = document.createElement("div");
      if (line.colour !== undefined) {
        var dot = document.createElement("i");
        dot.className = "c" + line.colour;
        row.appendChild(dot);
      }
      row.appendChild(document.createTextNode(line.text));
      tip.appendChild(row);
    });
    tip.hidden = false;
    var left = event.clientX + 16;
    if (left + tip.offsetWidth > innerWidth - 8) left = event.clientX - tip.offsetWidth - 16;
    var top = Math.min(event.clientY + 12, innerHeight - tip.offsetHeight - 8);
    tip.style.left = Math.max(4, left) + "px";
    tip.style.top = Math.max(4, top) + "px";
  }

  function element(name, className) {
    var made = document.createElementNS(svgName, name);
    made.setAttribute("class", className);
    return made;
  }

  function chart(figure) {
    var svg = figure.querySelector("svg");
    var data = null;
    var hidden = {};
    var marks = null;

    svg.addEventListener("click", function (event) {
      var key = event.target.closest(".key");
      if (!key) return;
      var number = key.dataset.s;
      hidden[number] = !hidden[number];
      key.classList.toggle("off", hidden[number]);
      svg.querySelectorAll(".series[data-s='" + number + "']").forEach(function (one) {
        one.classList.toggle("hidden", hidden[number]);
      });
      clear();
    });

    // Read when somebody points at it: a page of many plots opens sooner.
    function load() {
      if (data) return data;
      var script = figure.querySelector("script");
      if (!script) return null;
      data = JSON.parse(script.textContent);
      data.box = data.box.map(Number);
      data.curves.forEach(function (curve) {
        curve.places = curve.points.map(function (point) {
          return [place(data.x, point[0], data.box[0], data.box[2], false),
                  place(data.y, point[1], data.box[1], data.box[3], true)];
        });
      });
      return data;
    }

    function place(axis, value, from, size, isUpward) {
      if (value === null) return NaN;
      var share = axis.log
        ? Math.log(value / axis.low) / Math.log(axis.high / axis.low)
        : (value - axis.low) / (axis.high - axis.low);
      return from + (isUpward ? 1 - share : share) * size;
    }

    function written(axis, value) {
      return axis.categories.length ? axis.categories[Math.round(value)] : String(value);
    }

    function clear() {
      tip.hidden = true;
      if (marks) marks.textContent = "";
    }

    // The nearest point of a curve whose points are in the order of x.
    function nearestByX(places, x) {
      var low = 0, high = places.length - 1;
      while (high - low > 1) {
        var middle = (low + high) >> 1;
        if (places[middle][0] < x) low = middle; else high = middle;
      }
      return Math.abs(places[low][0] - x) <= Math.abs(places[high][0] - x) ? low : high;
    }

    function nearest(places, x, y) {
      var best = -1, least = 25 * 25;
      for (var at = 0; at < places.length; at++) {
        var dx = places[at][0] - x, dy = places[at][1] - y, far = dx * dx + dy * dy;
        if (far < least) { least = far; best = at; }
      }
      return best;
    }

    svg.addEventListener("pointermove", function (event) {
      var own = event.target.dataset && event.target.dataset.t;
      if (own) { showTip(event, [{ text: own }]); return; }
      if (!load()) { clear(); return; }
      var frame = svg.getBoundingClientRect();
      var view = svg.viewBox.baseVal;
      var x = (event.clientX - frame.left) * view.width / frame.width;
      var y = (event.clientY - frame.top) * view.height / frame.height;
      var box = data.box;
      if (x < box[0] - 5 || x > box[0] + box[2] + 5 || y < box[1] - 5 || y > box[1] + box[3] + 5) { clear(); return; }
      var found = [];
      data.curves.forEach(function (curve) {
        if (hidden[curve.key] || !curve.places.length || curve.mark === "FaintDots") return;
        var at = curve.mark === "Line" ? nearestByX(curve.places, x) : nearest(curve.places, x, y);
        if (at < 0 || !isFinite(curve.places[at][1])) return;
        found.push({ curve: curve, at: at, far: Math.abs(curve.places[at][0] - x) });
      });
      if (!found.length) { clear(); return; }
      found.sort(function (one, other) { return one.far - other.far; });
      // What is not below the pointer is not said.
      var near = found.filter(function (one) { return one.far <= found[0].far + 12; });
      near.sort(function (one, other) { return one.curve.key - other.curve.key; });
      if (!marks) { marks = element("g", "marks"); svg.appendChild(marks); }
      marks.textContent = "";
      var first = found[0].curve.places[found[0].at];
      var cross = element("path", "cross");
      cross.setAttribute("d", "M" + first[0] + " " + box[1] + "v" + box[3]);
      marks.appendChild(cross);
      var lines = near.map(function (one) {
        var key = data.keys[one.curve.key], point = one.curve.points[one.at];
        var spot = element("circle", "spot c" + key.colour);
        spot.setAttribute("cx", one.curve.places[one.at][0]);
        spot.setAttribute("cy", one.curve.places[one.at][1]);
        spot.setAttribute("r", 5);
        marks.appendChild(spot);
        return {
          colour: key.colour,
          text: key.label + " · " + data.x.label + " " + written(data.x, point[0]) + " · " + data.y.label + " " + written(data.y, point[1])
        };
      });
      showTip(event, lines);
    });
    svg.addEventListener("pointerleave", clear);
  }

  document.querySelectorAll("figure.chart").forEach(chart);

  document.querySelectorAll("figure.vega").forEach(function (figure) {
    var spec = JSON.parse(figure.querySelector("script").textContent);
    vegaEmbed(figure.querySelector("div"), spec, { actions: false, renderer: "svg" }).catch(function (error) {
      figure.querySelector("div").textContent = "Vega cannot draw this: " + error.message;
    });
  });
})();
