"""Says what CPython makes of answers that are programs: JSON lines with "text" on standard input, the same lines with "printed", "value"
(of what stood alone, was returned or assigned last) or "error" on standard output. The corpus was made with it, by python3.11:

    zcat corpus.jsonl.gz | python3.11 cpython.py
"""
import sys,json,re,subprocess,ast,os
HARNESS=r'''
import sys,ast,resource,io
resource.setrlimit(resource.RLIMIT_AS,(1<<30,1<<30)); resource.setrlimit(resource.RLIMIT_CPU,(5,5))
src=sys.stdin.read()
class Ret(BaseException): pass
class T(ast.NodeTransformer):
    def visit_FunctionDef(self,n): return n
    def visit_Lambda(self,n): return n
    def visit_Return(self,n):
        return ast.copy_location(ast.Expr(ast.Call(ast.Name("__ret",ast.Load()),[n.value or ast.Constant(None)],[])),n)
out=io.StringIO(); real=sys.stdout; sys.stdout=out
val=[None]
def __ret(v): val[0]=v; raise Ret()
def _input(*a): raise RuntimeError("input")
tree=ast.parse(src)
tree=T().visit(tree); ast.fix_missing_locations(tree)
g={"__name__":"__main__","__ret":__ret,"input":_input}
def show(v): return v if isinstance(v,str) else repr(v)
try:
    body=tree.body; kind="none"
    last=None
    if body and isinstance(body[-1],ast.Expr) and not (isinstance(body[-1].value,ast.Call) and getattr(body[-1].value.func,"id","") in("__ret","print")):
        last=ast.Expression(body.pop().value)
    exec(compile(tree,"p","exec"),g)
    if last is not None: val[0]=eval(compile(last,"p","eval"),g)
    if not out.getvalue().strip() and val[0] is None and body and isinstance(body[-1],ast.FunctionDef) and last is None:
        f=body[-1]; names=[n.name for n in body if isinstance(n,ast.FunctionDef)]
        nm=f.name
        for n in names:
            if n in("solution","solve","main"): nm=n
        fn=g[nm]; need=[a.arg for a in f.args.args][:len(f.args.args)-len(f.args.defaults)]
        val[0]=fn(*[g[a] for a in need])
except Ret: pass
except SystemExit: pass
sys.stdout=real
p=out.getvalue()
if not p.strip() and val[0] is None:
    names=[t.id for s in body if isinstance(s,(ast.Assign,ast.AugAssign)) for t in (s.targets if isinstance(s,ast.Assign) else [s.target]) if isinstance(t,ast.Name)]
    if names: val[0]=g[names[-1]]
import json
print(json.dumps({"printed":p[-2000:],"value":None if val[0] is None else show(val[0])[:500]}))
'''
def candidates(t):
    t=t.replace('\r\n','\n')
    f=re.findall(r'(?ms)^[ \t]*```[ \t]*([^\n]*)\n(.*?)(?:^[ \t]*```|\Z)',t)
    py=[b for i,b in f if i.strip().lower().startswith('py')]
    if not py: py=[b for i,b in f if not i.strip()]
    import textwrap
    py=[textwrap.dedent(b) for b in py]
    if not f: py=[t.strip().strip('`').strip()]
    c=py if len(py)==1 else ["\n".join(py)]+py[::-1]
    return [x for x in c if x.strip()]
def run(src):
    try: r=subprocess.run([sys.executable,'-I','-c',HARNESS],input=src,capture_output=True,text=True,timeout=8)
    except subprocess.TimeoutExpired: return None,'timeout'
    if r.returncode: return None,(r.stderr.strip().split('\n') or [''])[-1][:200]
    return json.loads(r.stdout.strip().split('\n')[-1]),None
if __name__=='__main__':
    for l in sys.stdin:
        r=json.loads(l); first=None; ok=None
        for c in candidates(r['text']):
            try: c.encode()
            except Exception: continue
            v,e=run(c)
            if v and (v['printed'].strip() or v['value'] is not None): ok=v; break
            first=first or e or 'no value'
        if ok: r.update(ok)
        else: r['error']=first or 'no program'
        print(json.dumps(r),flush=True)
