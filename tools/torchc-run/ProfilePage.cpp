//===- ProfilePage.cpp - a profile as one HTML page -----------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Profile.h"

namespace torchc::runtime {

/// The page is this text with the profile's JSON in the place of %PROFILE%. It loads nothing.
static constexpr std::string_view kPage = R"html(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>torchc profile</title>
<style>
:root { color-scheme: light dark; }
body { font: 14px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 100em; padding: 0 1em; }
h1 { font-size: 1.4em; } h2 { font-size: 1.1em; margin-top: 2em; }
table { border-collapse: collapse; width: 100%; }
th, td { padding: .25em .6em; text-align: left; vertical-align: top; border-bottom: 1px solid #8884; }
th { cursor: pointer; white-space: nowrap; user-select: none; }
th[aria-sort=ascending]::after { content: " \25B2"; } th[aria-sort=descending]::after { content: " \25BC"; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.text { overflow-wrap: anywhere; }
.bar { background: #4a90d9; height: .9em; min-width: 1px; margin-top: .3em; }
td.bar-cell { width: 12em; }
.muted { opacity: .65; }
</style>
</head>
<body>
<h1>torchc profile</h1>
<p id="summary"></p>
<h2>By kernel</h2><table id="kernels"></table>
<h2>By op of the model</h2>
<p class="muted">A kernel's time counts for the op that decides how it works; the ops fused with it stand beside.</p>
<table id="ops"></table>
<h2>By worker</h2><table id="workers"></table>
<script type="application/json" id="profile">%PROFILE%</script>
<script>
"use strict";
const profile = JSON.parse(document.getElementById("profile").textContent);
const fixed = digits => value => value.toFixed(digits);
const percent = value => (100 * value).toFixed(1) + " %";
const describe = source => [source.op, source.location].filter(Boolean).join(" ");
const list = sources => sources.map(describe).join("\n");
const unit = profile.ms_per_call < 10 ? {head: "us", scale: 1e3} : {head: "ms", scale: 1};
const time = value => (value * unit.scale).toFixed(3);
const numbers = [
  {head: unit.head, key: "ms", show: time}, {head: "share", key: "share", show: percent}, {head: "", key: "share", isBar: true},
  {head: "calls", key: "dispatches", show: value => String(+value.toFixed(2))},
  {head: "work groups", key: "workgroups", show: value => String(+value.toFixed(2))},
  {head: "MB", key: "bytes", show: value => (value / 1e6).toFixed(3)}, {head: "GB/s", key: "gb_per_s", show: fixed(1)}];
const columns = {
  kernels: [{head: "kernel", key: "kernel"}, ...numbers, {head: "what it computes", key: "sources", show: list}],
  ops: [{head: "op", key: "op"}, {head: "location", key: "location"}, ...numbers, {head: "fused with it", key: "fused", show: list}],
  workers: [{head: "worker", key: "worker", show: String}, {head: "busy " + unit.head, key: "busy_ms", show: time},
            {head: "share", key: "share", show: percent}, {head: "", key: "share", isBar: true}]};

function fill(name, sortBy, isDescending) {
  const table = document.getElementById(name), rows = profile[name].slice();
  if (sortBy) {
    const get = row => sortBy.show === list ? list(row[sortBy.key]) : row[sortBy.key];
    const compare = (a, b) => typeof a === "number" ? a - b : String(a).localeCompare(b);
    rows.sort((a, b) => (isDescending ? -1 : 1) * compare(get(a), get(b)));
  }
  table.replaceChildren();
  const head = table.createTHead().insertRow(), body = table.createTBody();
  const isNumber = column => rows.length > 0 && typeof rows[0][column.key] === "number" && !column.isBar;
  for (const column of columns[name]) {
    const cell = document.createElement("th");
    cell.textContent = column.head;
    cell.classList.toggle("number", isNumber(column));
    if (sortBy === column)
      cell.setAttribute("aria-sort", isDescending ? "descending" : "ascending");
    cell.onclick = () => fill(name, column, sortBy === column ? !isDescending : isNumber(column) || column.isBar);
    head.append(cell);
  }
  const most = Math.max(...rows.map(row => row.share), 1e-9);
  for (const row of rows) {
    const line = body.insertRow();
    for (const column of columns[name]) {
      const cell = line.insertCell();
      if (column.isBar) {
        const bar = cell.appendChild(document.createElement("div"));
        bar.className = "bar";
        bar.style.width = 100 * row[column.key] / most + "%";
        cell.className = "bar-cell";
        continue;
      }
      cell.className = isNumber(column) ? "number" : "text";
      cell.style.whiteSpace = column.show === list ? "pre-line" : "";
      cell.textContent = column.show ? column.show(row[column.key]) : row[column.key];
    }
  }
}

document.getElementById("summary").textContent = profile.calls + " calls, " + profile.ms_per_call.toFixed(3) + " ms each, "
  + +profile.dispatches.toFixed(2) + " dispatches, " + profile.outside_kernels_ms.toFixed(3) + " ms ("
  + percent(profile.outside_kernels_share) + ") outside of kernels.";
for (const name of Object.keys(columns))
  fill(name);
</script>
</body>
</html>
)html";

std::string formatProfilePage(const nlohmann::ordered_json &profile) {
  // What ends a script element must not stand in one: names come from the model's file.
  std::string json;
  for (char character : profile.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace))
    json += character == '<' ? "\\u003c" : std::string(1, character);
  std::string page(kPage);
  const std::string_view place = "%PROFILE%";
  page.replace(page.find(place), place.size(), json);
  return page;
}

} // namespace torchc::runtime
