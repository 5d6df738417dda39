"""lsp_session.py SERVER FILE: opens a file in a language server as an editor does, mends it, and
prints the server's answers."""
import json
import pathlib
import subprocess
import sys

server = subprocess.Popen(sys.argv[1:2], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
path = pathlib.Path(sys.argv[2])
uri = path.resolve().as_uri()
requests = 0


def send(method, params, **others):
    text = json.dumps({"jsonrpc": "2.0", "method": method, "params": params, **others}).encode()
    server.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(text), text))
    server.stdin.flush()


def receive():
    length = 0
    while line := server.stdout.readline().strip():
        name, value = line.split(b":")
        length = int(value) if name == b"Content-Length" else length
    return json.loads(server.stdout.read(length))


def notify(method, **params):
    send(method, params)


def request(method, **params):
    global requests
    requests += 1
    send(method, params, id=requests)
    while (answer := receive()).get("id") != requests:
        pass
    return answer["result"]


def print_diagnostics():
    while (answer := receive()).get("method") != "textDocument/publishDiagnostics":
        pass
    diagnostics = answer["params"]["diagnostics"]
    print("diagnostics:", len(diagnostics))
    for diagnostic in diagnostics:
        print(f"line {diagnostic['range']['start']['line'] + 1}:", diagnostic["message"].replace("\n", " "))


answer = request("initialize", processId=None, rootUri=None, capabilities={})
print("initialized:", answer["serverInfo"]["name"])
notify("initialized")
notify("textDocument/didOpen", textDocument={"uri": uri, "languageId": "mlir", "version": 1, "text": path.read_text()})
print_diagnostics()
document = {"uri": uri}
notify("textDocument/didChange", textDocument={**document, "version": 2},
       contentChanges=[{"text": path.read_text().replace("[3]", "[2]")}])
print_diagnostics()
hover = request("textDocument/hover", textDocument=document, position={"line": 1, "character": 12})
print("hover:", hover and hover["contents"]["value"].replace("\n", " "))
places = request("textDocument/definition", textDocument=document, position={"line": 2, "character": 23})
print("definition:", *(f"line {place['range']['start']['line'] + 1}" for place in places))
request("shutdown")
notify("exit")
print("exit code", server.wait(timeout=60))
