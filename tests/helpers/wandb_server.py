"""A small W&B server on 127.0.0.1, for tests of the real wandb client: ``with Server() as server:``.

It speaks as much of the protocol as a sweep, its agents, their runs, and ``wandb.Api`` need, keeps what it
receives, and can be told to misbehave. What it cannot answer it refuses, and notes in ``unknown``.
All sweeps are grids.
"""

import base64
import contextlib
import gzip
import json
import math
import re
import secrets
import threading
import time
import traceback
from collections import defaultdict
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

import yaml

from sudoku_sweep import local

KEY = "0123456789" * 4
ENTITY = "reader"
CREATED = "2025-01-01T00:00:00Z"
ANSWERS = {}  # the name of a GraphQL operation -> (method of Server, where its answer stands)


def answers(operation, place):
    """Mark a method of ``Server`` as the answer to a GraphQL operation: it takes the operation's variables.

    What it returns stands in the answer's ``data`` at a place such as ``project.run.history``.
    """

    def register(method):
        ANSWERS[operation] = (method, place)
        return method

    return register


@dataclass
class Sweep:
    """One sweep, and what of it is left to be handed out."""

    id: str
    project: str
    config: dict
    left: list
    prior_runs: list = field(default_factory=list)  # the ids that ``wandb.sweep`` named


@dataclass
class Run:
    """One run, as far as it has arrived."""

    id: str
    project: str
    name: str
    group: str | None = None
    tags: list = field(default_factory=list)
    sweep: str | None = None
    state: str = "running"
    exit_code: int | None = None
    settings: dict = field(default_factory=dict)  # as sent: {name: {"value": value}}
    summary: dict = field(default_factory=dict)
    streams: dict = field(default_factory=dict)  # name of a file -> its lines
    stopped: bool = (
        False  # set it to ask for the end, as early termination does: agent and run are told
    )

    @property
    def config(self):
        """The configuration without W&B's own bookkeeping."""
        return {name: entry["value"] for name, entry in self.settings.items() if name != "_wandb"}

    @property
    def history(self):
        """The logged rows."""
        return [json.loads(line) for line in self.streams.get("wandb-history.jsonl", [])]

    @property
    def rows(self):
        """The logged rows without times: what was logged, and ``_step``."""
        times = ("_runtime", "_timestamp")  # which W&B adds to each row
        return [{k: v for k, v in row.items() if k not in times} for row in self.history]


@dataclass
class Fault:
    """How requests are treated badly until ``Server.heal``, see ``Server.fail``; ``hits`` counts them."""

    how: int | str
    hits: int = 0
    released: threading.Event = field(default_factory=threading.Event)


class Server:
    """The server. Read ``sweeps``, ``runs``, ``n_requests``, ``storage`` (the files that came), and ``unknown``."""

    def __init__(self):
        self.sweeps, self.runs, self.agents = {}, {}, {}
        self.storage, self.n_requests, self.unknown = {}, 0, []
        self._fault, self._lock, self._port, self._http = None, threading.RLock(), 0, None

    # --- start, stop, misbehave ---

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._port}"

    @property
    def environment(self):
        """The environment variables that send wandb here."""
        ours = {"WANDB_BASE_URL": self.url, "WANDB_API_KEY": KEY, "WANDB_MODE": "online"}
        return ours | {"WANDB_ERROR_REPORTING": "false"}

    def start(self):
        """Listen; on the same port as before, if there was one."""
        handler = type("Handler", (_Handler,), {"server_of_wandb": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", self._port), handler)
        self._http.daemon_threads = True
        self._port = self._http.server_port
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        """Stop listening. What was received stays; ``start`` goes on with it."""
        self.heal()
        self._http.shutdown()
        self._http.server_close()

    def fail(self, how):
        """Treat the next requests badly, and return the ``Fault``.

        how : an HTTP status (401 refuses the key), ``"hang"`` (no answer until ``heal``), ``"drop"`` (the
            connection is closed without an answer), or ``"lose"`` (done, but the answer is lost)
        """
        self._fault = Fault(how)
        return self._fault

    def heal(self):
        """End the misbehaviour."""
        fault, self._fault = self._fault, None
        if fault:
            fault.released.set()

    # --- one request ---

    def respond(self, request):
        """The answer to one request as (status, bytes); None if there is to be none."""
        path = unquote(request.path)
        asked = json.loads(request.body) if request.command == "POST" else request.body
        kind = _kind(request.command, path, asked)
        with self._lock:
            self.n_requests += 1
            fault = self._fault
            if fault:
                fault.hits += 1
        how = fault and fault.how
        if how == "drop":
            return None
        if isinstance(how, int):
            return how, _errors(f"told to answer {how}")
        if how == "hang":
            fault.released.wait()
        # Files have addresses of their own, which are signed instead of asking for the key.
        if not path.startswith("/storage/") and not request.has_key():
            return 401, _errors("the key is wrong")
        with self._lock:
            try:
                answer = self._answer(kind, path, asked)
            except Exception:  # without an answer the client would ask again, for ever
                self.unknown.append(f"{kind} {asked} {traceback.format_exc()}")
                answer = 400, _errors(f"not known here: {kind}")
        return None if how == "lose" else answer

    def _answer(self, kind, path, asked):
        if kind == "PUT":
            self.storage[path] = asked
            return 200, b""
        if kind == "file_stream":
            return 200, json.dumps(self._file_stream(path.split("/")[-2], asked)).encode()
        method, place = ANSWERS[kind]
        variables = defaultdict(lambda: None, asked.get("variables") or {})  # not given: null
        data = method(self, variables)
        for name in reversed(place.split(".")):
            data = {name: data}
        return 200, json.dumps({"data": data}).encode()

    @answers("Viewer", "viewer")
    @answers("GetDefaultEntity", "viewer")
    def _viewer(self, asked):
        return {"id": _id("user", ENTITY), "entity": ENTITY, "username": ENTITY, "flags": "{}"}

    @answers("ServerFeaturesQuery", "serverInfo.features")
    @answers("OrganizationCoreWeaveOrganizationID", "entity.organization")
    @answers("ArtifactType", "project.artifact")
    def _none(self, asked):
        return None

    # --- sweeps and agents ---

    @answers("UpsertSweep", "upsertSweep.sweep")
    def _upsert_sweep(self, asked):
        config = yaml.safe_load(asked["config"])
        left = list(local.grid(config))[: config.get("run_cap")]
        sweep = Sweep(secrets.token_hex(4), asked["projectName"], config, left)
        self.sweeps[sweep.id] = sweep
        for prior in json.loads(asked["priorRunsFilters"] or '{"$or": []}')["$or"]:
            run = self.runs[
                prior["name"]
            ]  # becomes part of the sweep, which does not try its configuration again
            run.sweep = sweep.id
            sweep.prior_runs.append(run.id)
            sweep.left = [point for point in sweep.left if not point.items() <= run.config.items()]
        return {"name": sweep.id, "project": _project(sweep.project)}

    @answers("CreateAgent", "createAgent.agent.id")
    def _create_agent(self, asked):
        agent, sweep = secrets.token_hex(4), self.sweeps[asked["sweep"]]
        assert asked["projectName"] == sweep.project, "sweeps are found in their project"
        assert sweep.left, "a sweep that is finished takes no more agents"
        self.agents[agent] = sweep
        return agent

    @answers("Heartbeat", "agentHeartbeat.commands")
    def _heartbeat(self, asked):
        """What an agent is to do next, in JSON; nothing as long as a run of its own goes on."""
        sweep, running = self.agents[asked["id"]], json.loads(asked["runState"])
        stopped = [name for name in running if name in self.runs and self.runs[name].stopped]
        if stopped:
            return json.dumps([{"type": "stop", "run_id": stopped[0]}])
        if running:
            return json.dumps([])
        if not sweep.left:
            return json.dumps([{"type": "exit"}])
        args = {name: {"value": value} for name, value in sweep.left.pop(0).items()}
        command = {"type": "run", "run_id": secrets.token_hex(4), "args": args}
        return json.dumps([command | {"program": sweep.config.get("program")}])

    @answers("SweepWithRuns", "project.sweep")
    def _sweep_with_runs(self, asked):
        node = self._sweep(asked | {"name": asked["sweep"]})
        runs = [self._run_node(run) for run in self.runs.values() if run.sweep == asked["sweep"]]
        return node and node | {"runs": _edges(runs)}

    @answers("GetSweep", "project.sweep")
    def _sweep(self, asked):
        sweep = self.sweeps.get(asked["name"])
        if sweep is None or sweep.project != asked["project"]:
            return None
        return self._sweep_node(sweep)

    @answers("GetSweeps", "project")
    def _list_sweeps(self, asked):
        """The sweeps of a project, in one page; nothing of a project to which nothing was sent."""
        found = [sweep for sweep in self.sweeps.values() if sweep.project == asked["project"]]
        page = _edges([self._sweep_node(sweep) for sweep in found])
        page["pageInfo"] = {"__typename": "PageInfo", "endCursor": None, "hasNextPage": False}
        return {"totalSweeps": len(found), "sweeps": page} if found else None

    def _sweep_node(self, sweep):
        return {
            "__typename": "Sweep",
            "id": _id("sweep", sweep.id),
            "name": sweep.id,
            "displayName": None,
            "method": sweep.config["method"],
            "state": "RUNNING" if sweep.left else "FINISHED",
            "description": None,
            "bestLoss": None,
            "config": yaml.safe_dump(sweep.config),
            "createdAt": f"{CREATED[:-1]}.{list(self.sweeps).index(sweep.id):03}Z",
            "updatedAt": None,
            "runCount": 0,
            "runCountExpected": None,
        }

    # --- runs ---

    @answers("UpsertBucket", "upsertBucket")
    def _upsert_run(self, asked):
        new = Run(asked["name"], asked["project"], name=f"run-{len(self.runs) + 1}")
        run = self.runs.setdefault(new.id, new)
        run.name = asked["displayName"] or run.name
        run.group = asked["groupName"] or run.group
        run.sweep = asked["sweep"] or run.sweep
        run.tags = asked["tags"] or run.tags
        run.settings.update(json.loads(asked["config"] or "{}"))
        bucket = self._run_node(run) | {"project": _project(run.project)}
        return {"bucket": bucket, "inserted": run is new}

    @answers("CreateRunFiles", "createRunFiles")
    def _create_run_files(self, asked):
        place = f"{self.url}/storage/{asked['run']}"
        files = [{"name": name, "uploadUrl": f"{place}/{name}"} for name in asked["files"]]
        return {"runID": _id("run", asked["run"]), "uploadHeaders": [], "files": files}

    def _file_stream(self, run_id, sent):
        """Take lines of a run's files. Each comes with its number, so what is sent twice is kept once."""
        run = self.runs[run_id]
        for name, part in (sent.get("files") or {}).items():
            lines, start = run.streams.setdefault(name, []), part["offset"]
            lines[start : start + len(part["content"])] = part["content"]
        if "wandb-summary.json" in run.streams:
            run.summary = json.loads(run.streams["wandb-summary.json"][-1])
        if sent.get("complete"):
            run.exit_code = sent["exitcode"]
            run.state = "failed" if run.exit_code else "finished"
        return {"stopped": run.stopped}

    # --- reading runs back ---

    @answers("Runs", "project")
    def _list_runs(self, asked):
        """A sweep's runs, the oldest first; other filters and orders, and a second page, are not known here."""
        ((only,),) = json.loads(asked["filters"]).values()
        runs = [run for run in self.runs.values() if run.sweep == only["sweep"]]
        if asked["order"] != "+created_at" or len(runs) > asked["perPage"]:
            raise NotImplementedError(asked)
        page = _edges([self._run_node(run) for run in runs])
        page["pageInfo"] = {"endCursor": str(len(runs)), "hasNextPage": False}
        return {"internalId": "1", "runCount": len(runs), "runs": page}

    @answers("Run", "project.run")
    def _run(self, asked):
        run = self.runs.get(asked["name"])
        return run and self._run_node(run)

    def _run_node(self, run):
        return {
            "id": _id("run", run.id),
            "projectId": "1",
            "name": run.id,
            "displayName": run.name,
            "sweepName": run.sweep,
            "state": run.state,
            "config": json.dumps(run.settings),
            "summaryMetrics": json.dumps(run.summary),
            "group": run.group,
            "tags": run.tags,
            "createdAt": CREATED,
            "historyLineCount": len(run.history),
            "user": {"name": ENTITY, "username": ENTITY},
        }

    @answers("RunHistoryKeys", "project.run.historyKeys")
    def _history_keys(self, asked):
        history = self.runs[asked["name"]].history
        keys = {key: {"typeCounts": [{"type": "number"}]} for row in history for key in row}
        return {"keys": keys, "lastStep": max((row["_step"] for row in history), default=-1)}

    @answers("RunFullHistory", "project.run.history")
    def _full_history(self, asked):
        return [json.dumps(row) for row in self.runs[asked["name"]].history[: asked["samples"]]]

    @answers("HistoryPage", "project.run.history")
    def _history_page(self, asked):
        steps = range(asked["minStep"], asked["maxStep"])
        return [json.dumps(row) for row in self.runs[asked["run"]].history if row["_step"] in steps]

    @answers("RunParquetHistory", "project.run.parquetHistory")
    def _parquet_history(self, asked):
        return {"parquetUrls": [], "liveData": []}  # no row has been moved to Parquet files yet

    @answers("RunSampledHistory", "project.run.sampledHistory")
    def _sampled_history(self, asked):
        history = self.runs[asked["name"]].history
        return [_sample(history, json.loads(spec)) for spec in asked["specs"]]

    @answers("SampledHistoryPage", "project.run.sampledHistory")
    def _sampled_history_page(self, asked):
        return [_sample(self.runs[asked["run"]].history, json.loads(asked["spec"]))]


def wait_for(condition, seconds=60):
    """Wait until something is so, such as a row that has arrived at the server."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


class _Handler(BaseHTTPRequestHandler):
    """Reads one request and writes the answer of ``server_of_wandb``. A connection serves one request."""

    def handle_request(self):
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Content-Encoding") == "gzip":
            self.body = gzip.decompress(self.body)
        answer = self.server_of_wandb.respond(self)
        if answer is None:
            return
        status, content = answer
        with contextlib.suppress(ConnectionError):  # the client may have given up
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    do_GET = do_POST = do_PUT = handle_request  # noqa: N815  (http.server asks for these names)

    def has_key(self):
        key = base64.b64encode(f"api:{KEY}".encode()).decode()
        return self.headers.get("Authorization") == f"Basic {key}"

    def log_message(self, *_):
        """Nothing on stderr."""


def _kind(command, path, asked):
    """What a request is: a GraphQL operation's name, ``file_stream``, or ``PUT`` (a file comes)."""
    if path == "/graphql":
        return re.search(r"(?:query|mutation)\s+(\w+)", asked["query"])[1]
    if path.endswith("/file_stream"):
        return "file_stream"
    return command if path.startswith("/storage/") else f"{command} {path}"


def _id(kind, name):
    """An id of W&B's storage."""
    return base64.b64encode(f"{kind}:{name}".encode()).decode()


def _project(name):
    entity = {"id": _id("entity", ENTITY), "name": ENTITY}
    return {"id": _id("project", name), "internalId": "1", "name": name, "entity": entity}


def _edges(nodes):
    return {"edges": [{"node": node} for node in nodes]}


def _errors(message):
    return json.dumps({"errors": [{"message": message}]}).encode()


def _sample(rows, spec):
    """The rows that have all the keys asked for, and of them those keys only; never more than ``samples``."""
    keys, first, last = spec["keys"], spec.get("minStep", 0), spec.get("maxStep", math.inf)
    found = [row for row in rows if first <= row["_step"] <= last and row.keys() >= set(keys)]
    return [{key: row[key] for key in keys} for row in found[: spec["samples"]]]
