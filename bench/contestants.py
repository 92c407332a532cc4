"""What is compared: a name goes in, and the configuration comes out of an nginx
that lets the same request through its own way.

A contestant is (configuration, modules); PATHS and COLD name those that are
asked for something else, or with a token that nobody has seen lately.
"""

import os

from gateway import BARE, GUARDED, PATH, PROXY, TOKEN

MODULES = "/usr/lib/nginx/modules"
LUA = [f"{MODULES}/ndk_http_module.so", f"{MODULES}/ngx_http_lua_module.so"]
NJS = [f"{MODULES}/ngx_http_js_module.so"]
BEARER = f"Authorization: Bearer {TOKEN}\r\n"

RETURN = """
    server {{
        listen 127.0.0.1:{port};
        location /api/ {{ return 200 "hello\\n"; }}
    }}
"""

LOGGED = """
    log_format audit escape=json '{{"time":"$time_iso8601","ip":"$remote_addr",'
        '"method":"$request_method","path":"$uri","status":$status,'
        '"agent":"$http_user_agent","id":"$request_id"}}';
""" + BARE.replace("location", """access_log logs/audit.json audit
            buffer=64k flush=1s;
        location""")

AUDITED = GUARDED.replace("leadgen_policy", "leadgen_audit all;\n"
                          "            leadgen_policy")
UNAUDITED = GUARDED.replace("leadgen_policy", "leadgen_audit routes;\n"
                            "            leadgen_policy")

# what the contract has the upstream and the client be told, by nginx alone
HEADERS = BARE.replace("location /api/ {{", """location /api/ {{
            proxy_set_header X-User-Id 1;
            proxy_set_header X-User-Email admin@example.com;
            proxy_set_header X-User-Role admin;
            proxy_set_header X-Request-Id $request_id;
            add_header X-Request-Id $request_id;""")

HEALTH = GUARDED.replace("location /api/ {{", """location /api/health {{
            leadgen_health;
        }}
        location /api/ {{""")


def signed(alg):
    """The guard with a key of that algorithm."""
    return UNAUDITED.replace("jwt.key alg=HS256", f"{alg}.key alg={alg}")


AUTH_REQUEST = """
    proxy_cache_path cache keys_zone=verdicts:1m;
    upstream backend {{ server 127.0.0.1:{upstream}; keepalive 64; }}
    upstream verdict {{ server 127.0.0.1:{verdict}; keepalive 64; }}
    server {{
        listen 127.0.0.1:{port};
        location = /verdict {{
            internal;
            {cache}
            proxy_pass http://verdict;
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }}
        location /api/ {{
            auth_request /verdict;""" + PROXY + """        }}
    }}
"""

CACHE = """proxy_cache verdicts;
            proxy_cache_key $http_authorization;
            proxy_cache_valid 200 30s;"""

# the key is checked by OpenSSL, and a token that was good is good until its exp
LUA_VERIFY = """
    init_by_lua_block {{
        local cjson, ffi = require "cjson.safe", require "ffi"
        ffi.cdef [[
            const void *EVP_sha256(void);
            unsigned char *HMAC(const void *md, const void *key, int key_len,
                const unsigned char *d, size_t n, unsigned char *out,
                unsigned int *len);
        ]]
        local crypto = ffi.load("crypto.so.3")
        local file = assert(io.open("{directory}/jwt.key"))
        local key, known = file:read("*a"), {{}}
        local out, len = ffi.new("unsigned char[64]"), ffi.new("unsigned[1]")
        local function decode(text)
            text = text:gsub("-", "+"):gsub("_", "/")
            return ngx.decode_base64(text .. ("="):rep(-#text % 4))
        end
        function verify(header)
            local token = header and header:match("^Bearer (%S+)$")
            local claims = token and known[token]
            if not claims and token then
                local text, payload, mac =
                    token:match("^([^.]+%.([^.]+))%.([^.]+)$")
                if not text then return end
                crypto.HMAC(crypto.EVP_sha256(), key, #key, text, #text, out,
                            len)
                if ffi.string(out, len[0]) ~= decode(mac) then return end
                claims = cjson.decode(decode(payload))
                known[token] = claims
            end
            if claims and claims.exp > ngx.time() and claims.role == "admin"
            then
                return claims
            end
        end
    }}
""" + BARE.replace("location /api/ {{", """location /api/ {{
            access_by_lua_block {{
                local claims = verify(ngx.var.http_authorization)
                if not claims then return ngx.exit(401) end
                ngx.req.set_header("X-User-Id", claims.sub)
            }}""")

NJS_SCRIPT = """
const crypto = require('crypto');
const key = require('fs').readFileSync('{directory}/jwt.key');

function verify(r) {{
    const parts = (r.headersIn.Authorization || '').slice(7).split('.');
    const mac = crypto.createHmac('sha256', key)
                      .update(parts[0] + '.' + parts[1]).digest('base64url');
    if (parts.length != 3 || mac != parts[2]) {{
        return '';
    }}
    const claims = JSON.parse(Buffer.from(parts[1], 'base64url'));
    return claims.exp > Date.now() / 1000 && claims.role == 'admin'
           ? claims.sub : '';
}}

export default {{ verify }};
"""

NJS_VERIFY = """
    js_import verify from {directory}/verify.js;
    js_set $user verify.verify;
""" + BARE.replace("location /api/ {{", """location /api/ {{
            if ($user = "") {{ return 401; }}
            proxy_set_header X-User-Id $user;""")

TESLA = BARE.replace("location /api/ {{", """location /api/ {{
            auth_jwt_enabled on;
            auth_jwt_redirect off;
            auth_jwt_algorithm HS256;
            auth_jwt_location HEADER=Authorization;
            auth_jwt_key "{hexkey}";""")

KJDEV = BARE.replace("location /api/ {{", """location /api/ {{
            auth_jwt "bench";
            auth_jwt_key_file {directory}/keys.json jwks;""")

FASTAPI = BARE.replace("{upstream}", "{fastapi}")

CONTESTANTS = {
    "return 200, no upstream": (RETURN, []),
    "bare proxy_pass": (BARE, []),
    "proxy_pass, the same headers": (HEADERS, []),
    "proxy_pass, JSON access log": (LOGGED, []),
    "leadgen, not audited": (UNAUDITED, ["ours"]),
    "leadgen, audited": (AUDITED, ["ours"]),
    "leadgen, health": (HEALTH, ["ours"]),
    "leadgen, HS256, never seen": (UNAUDITED, ["ours"]),
    "leadgen, RS256, never seen": (signed("RS256"), ["ours"]),
    "leadgen, ES256, never seen": (signed("ES256"), ["ours"]),
    "auth_request, verdict cached 30 s": (
        AUTH_REQUEST.replace("{verdict}", "{upstream}")
                    .replace("{cache}", CACHE), []),
    "lua, HS256, verified tokens cached": (LUA_VERIFY, LUA),
    "njs, HS256": (NJS_VERIFY, NJS),
    "auth_request to FastAPI, HS256": (
        AUTH_REQUEST.replace("{verdict}", "{fastapi}")
                    .replace("{cache}", ""), []),
    "FastAPI behind proxy_pass, HS256": (FASTAPI, []),
}

PATHS = {"leadgen, health": "/api/health"}
COLD = {f"leadgen, {alg}, never seen": alg
        for alg in ("HS256", "RS256", "ES256")}

# modules that Debian does not carry, built elsewhere
for name, variable, http in (("TeslaGov", "PEER_TESLA", TESLA),
                             ("kjdev", "PEER_KJDEV", KJDEV)):
    if os.environ.get(variable):
        CONTESTANTS[f"{name}, HS256"] = (http, [os.environ[variable]])
