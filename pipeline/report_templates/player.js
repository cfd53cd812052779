(function () {
  "use strict";
  var players = [];

  function panel(root) {
    var strips = Array.prototype.map.call(root.querySelectorAll(".strip"), function (element) {
      return {
        start: Number(element.dataset.start), end: Number(element.dataset.end),
        audio: element.querySelector("audio"), wave: element.querySelector(".wave"),
        head: element.querySelector(".playhead")
      };
    });
    var heard = strips.filter(function (strip) { return strip.audio; });
    if (!heard.length) { return; }
    root.classList.add("can-play");
    var words = Array.prototype.map.call(root.querySelectorAll(".word"), function (element) {
      return { start: Number(element.dataset.s), end: Number(element.dataset.e), element: element };
    });
    var now = null;

    function place(strip, ms) {
      var at = 100 * (ms - strip.start) / (strip.end - strip.start) + "%";
      strip.head.setAttribute("x1", at);
      strip.head.setAttribute("x2", at);
      strip.wave.classList.toggle("at", ms >= strip.start && ms <= strip.end);
    }

    function highlight(ms) {
      var low = 0, high = words.length;
      while (low < high) {
        var middle = (low + high) >> 1;
        if (words[middle].start <= ms) { low = middle + 1; } else { high = middle; }
      }
      var found = low && ms < words[low - 1].end ? words[low - 1].element : null;
      if (found === now) { return; }
      if (now) { now.classList.remove("now"); }
      if (found) { found.classList.add("now"); }
      now = found;
    }

    function follow(strip) {
      var ms = strip.start + strip.audio.currentTime * 1000;
      strips.forEach(function (each) { place(each, ms); });
      highlight(ms);
      if (!strip.audio.paused) { requestAnimationFrame(function () { follow(strip); }); }
    }

    function play(ms) {
      var strip = heard.filter(function (each) { return ms >= each.start && ms < each.end; })[0];
      if (!strip) { return; }
      strip.audio.currentTime = Math.max(0, (ms - strip.start) / 1000);
      strip.audio.play();
      follow(strip);
    }

    heard.forEach(function (strip) {
      players.push(strip.audio);
      strip.audio.addEventListener("play", function () {
        players.forEach(function (each) { if (each !== strip.audio) { each.pause(); } });
        follow(strip);
      });
      strip.audio.addEventListener("seeked", function () { follow(strip); });
    });
    strips.forEach(function (strip) {
      strip.wave.addEventListener("click", function (event) {
        var box = strip.wave.getBoundingClientRect();
        play(strip.start + (event.clientX - box.left) / box.width * (strip.end - strip.start));
      });
    });
    root.addEventListener("click", function (event) {
      var at = event.target.closest("button.time, .word");
      if (at) { play(Number(at.dataset.s)); }
    });
  }

  function tips() {
    var box = null;
    function show(event) {
      var bar = event.target.closest ? event.target.closest("[data-tip]") : null;
      if (!bar) {
        if (box) { box.remove(); box = null; }
        return;
      }
      if (!box) {
        box = document.createElement("div");
        box.className = "tip";
        box.setAttribute("aria-hidden", "true");
        document.body.appendChild(box);
      }
      box.textContent = bar.dataset.tip;
      var left = Math.min(event.clientX + 12, document.documentElement.clientWidth - box.offsetWidth - 8);
      box.style.left = Math.max(8, left) + "px";
      box.style.top = Math.max(8, event.clientY - box.offsetHeight - 12) + "px";
    }
    document.addEventListener("pointermove", show);
    document.addEventListener("pointerdown", show);
    document.addEventListener("scroll", function () { if (box) { box.remove(); box = null; } }, { passive: true });
  }

  Array.prototype.forEach.call(document.querySelectorAll(".panel"), panel);
  tips();
})();
