# The module's own API and health, as far as they need no database.

use strict;
use warnings;

use FindBin;
BEGIN { push @INC, "$FindBin::Bin/lib"; }
use Test::Nginx::Socket 'no_plan';
use Leadgen;

our $uuid = '[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}'
            . '-[0-9a-f]{12}';
our $login = "POST /api/auth/login\n";
our $credentials = '{"email":"a@example.com","password":"a good one"}';


# A problem document, whole, of that name and status.

sub problem {
    my ($slug, $status, $more) = @_;

    $more //= '';

    return qr/^\{"type":"\/docs#problem-$slug","title":"[^"]+","status":$status,"detail":"[^"]{10,}","request_id":"$uuid"$more\}$/;
}


sub field {
    my ($name) = @_;

    return problem('field-invalid', 422,
                   ',"errors":\[\{"field":"' . $name
                   . '","message":"[^"]+"\}\]');
}


# A login whose body comes in chunks of 10,000 bytes.

sub chunked {
    my ($body) = @_;

    return "POST /api/auth/login HTTP/1.1\r\nHost: localhost\r\n"
           . "Connection: close\r\nContent-Type: application/json\r\n"
           . "Transfer-Encoding: chunked\r\n\r\n"
           . join('', map { sprintf "%x\r\n%s\r\n", length, $_ }
                      $body =~ /.{1,10000}/g)
           . "0\r\n\r\n";
}


add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(http_config => <<'EOC')
    leadgen_zone leadgen:1m;
    leadgen_jwt_key file:$TEST_NGINX_KEY alg=HS256 kid=test;
    leadgen_spool $TEST_NGINX_SPOOL size=4m;
    leadgen_database "$TEST_NGINX_DATABASE" timeout=300ms;
    leadgen_service backend-of-a-test;
    leadgen_role analyst extends=user analytics:export;
    leadgen_role user lead:read;
EOC
        if !defined $block->http_config;
    $block->set_value(config => <<'EOC') if !defined $block->config;
    location /api/auth   { leadgen_api; }
    location /api/admin  { leadgen_api; }
    location /api/jobs   { leadgen_api; }
    location /api/health { leadgen_health; }
EOC
});

run_tests();

__DATA__

=== TEST 1: health
--- request
GET /api/health
--- response_headers
Content-Type: application/json
Cache-Control: no-store
--- response_body eval
qr/^\{"status":"healthy","timestamp":"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z","service":"backend-of-a-test"\}$/



=== TEST 2: health needs no token and minds no bad one
--- request eval
['GET /api/health', 'GET /api/health?x=y']
--- more_headers
Authorization: Bearer garbage
--- error_code eval
[200, 200]



=== TEST 3: HEAD of health
--- request
HEAD /api/health
--- response_headers_like
Content-Length: \d+
Content-Type: application/json



=== TEST 4: health takes nothing else
--- request eval
["POST /api/health\n{}", 'PUT /api/health', 'DELETE /api/health', 'OPTIONS /api/health', 'FOO /api/health']
--- error_code eval
[(405) x 5]
--- response_headers eval
[('Allow: GET, HEAD') x 5]
--- response_body eval
[(::problem('method-not-allowed', 405)) x 5]



=== TEST 5: nothing else is there below it
--- request eval
['GET /api/health/x', 'GET /api/health/', 'GET /api/healthx', 'GET /api/health/../health/x']
--- error_code eval
[(404) x 4]
--- response_body eval
[(::problem('not-found', 404)) x 4]



=== TEST 6: an unknown call, with and without a token
--- token eval
[undef, 'admin', 'admin', 'user', 'admin', undef]
--- request eval
['GET /api/auth/none', 'GET /api/auth/none', 'GET /api/auth', 'GET /api/admin/none', 'GET /api/auth/me/',
 "POST /api/admin/none\n{}"]
--- error_code eval
[(404) x 6]
--- response_body eval
[(::problem('not-found', 404)) x 6]



=== TEST 7: a call by another method
--- token: admin
--- request eval
['GET /api/auth/login', 'HEAD /api/auth/login', 'PUT /api/auth/login', 'OPTIONS /api/auth/login', 'FOO /api/auth/login',
 "POST /api/auth/me\n{}", 'DELETE /api/admin/routes', 'PATCH /api/admin/permissions/me']
--- error_code eval
[(405) x 8]
--- response_headers eval
[('Allow: POST') x 5, ('Allow: GET, HEAD') x 3]



=== TEST 8: the path of a call, too, is canonical
--- token: admin
--- request eval
['GET /api/admin//roles', 'GET /api/admin/%72oles', 'GET /api/admin/x/../roles', 'GET /api/admin/roles;x=y',
 'GET /api/admin/%2e/roles']
--- error_code eval
[400, 200, 400, 400, 400]



=== TEST 9: calls that need a token
--- request eval
['GET /api/auth/me', 'GET /api/admin/permissions/me', 'GET /api/admin/roles', 'GET /api/admin/audit-logs']
--- error_code eval
[(401) x 4]
--- response_headers eval
[('WWW-Authenticate: Bearer') x 4]
--- response_body eval
[(::problem('unauthenticated', 401)) x 4]



=== TEST 10: calls that need a permission
--- token: manager
--- request eval
['GET /api/admin/roles', 'GET /api/admin/audit-logs']
--- error_code eval
[403, 403]
--- response_body eval
[::problem('permission-missing', 403, ',"required_permission":"user:read"'),
 ::problem('permission-missing', 403, ',"required_permission":"system:audit"')]



=== TEST 11: what I may do
--- token eval
['manager', 'analyst', 'user', 'stranger']
--- request eval
[('GET /api/admin/permissions/me') x 4]
--- error_code eval
[(200) x 4]
--- response_body eval
['{"user_id":2,"email":"manager@example.com","role":"manager","permissions":["campaign:create","campaign:read","campaign:update","lead:create","lead:read","lead:update","lead:delete","lead:export","analytics:read","team:create","team:read","team:update","team:delete","team:manage_members"]}',
 '{"user_id":4,"email":"analyst@example.com","role":"analyst","permissions":["campaign:read","lead:read","analytics:read","analytics:export"]}',
 '{"user_id":3,"email":"user@example.com","role":"user","permissions":["lead:read"]}',
 '{"user_id":4,"email":"stranger@example.com","role":"stranger","permissions":[]}']



=== TEST 12: all that an admin may do
--- token: admin
--- request
GET /api/admin/permissions/me
--- response_body eval
qr/^\{"user_id":1,"email":"admin\@example.com","role":"admin","permissions":\[(?:"[a-z]+:[a-z_]+",){25}"[a-z]+:[a-z_]+"\]\}$/



=== TEST 13: roles and permissions
--- token: admin
--- request
GET /api/admin/roles
--- response_headers
Content-Type: application/json
--- response_body eval
qr/^\{"roles":\[\{"name":"admin","permissions":\[[^\]]+\],"custom":false\},\{"name":"manager","permissions":\[[^\]]+\],"custom":false\},\{"name":"user","permissions":\["lead:read"\],"custom":false\},\{"name":"analyst","permissions":\["campaign:read","lead:read","analytics:read","analytics:export"\],"custom":false\}\],"permissions":\[(?:\{"name":"[a-z_:]+","category":"[a-z]+","description":"[^"]+"\},?){26}\]\}$/



=== TEST 14: HEAD of a call
--- token: admin
--- request
HEAD /api/admin/roles
--- response_headers_like
Content-Length: \d{3,}



=== TEST 15: bodies that are not said to be JSON
--- request eval
[($::login . $::credentials) x 9]
--- more_headers eval
['X-None: x', map { "Content-Type: $_" } 'text/plain', 'application/x-www-form-urlencoded', 'application/jsonx',
 'application/json-patch+json', 'application/problem+json', 'text/json', 'json', 'multipart/form-data; boundary=x']
--- error_code eval
[(415) x 9]
--- response_body eval
[(::problem('media-type', 415)) x 9]



=== TEST 16: bodies that are said to be JSON, in whichever letters
--- request eval
[($::login . '[]') x 4]
--- more_headers eval
[map { "Content-Type: $_" } 'application/json', 'Application/JSON', 'application/json; charset=utf-8', 'application/json ;x']
--- error_code eval
[(400) x 4]



=== TEST 17: bodies that are not one JSON object
--- more_headers
Content-Type: application/json
--- request eval
[$::login, map { $::login . $_ } '[]', 'null', '"text"', '1', 'true', '{', '{"email":"a"', '{"email":"a"}x', '{"a":1}{"b":2}',
 '{"email":"a","email":"b","password":"12345678"}', '{"email":"a","\u0065mail":"b"}', '{"x":{"a":1,"a":2}}',
 '{"email":' . '[' x 40 . ']' x 40 . '}', '[' x 5000, '{"a":' x 5000,
 "{\"email\":\"\xff\"}", "{\"email\":\"\xc0\xaf\"}", "{\"email\":\"\xed\xa0\x80\"}", '{"email":"\ud800"}', '{"email":"a\u0000b"}',
 "{'email':'a'}", '{"email":"a",}', "\xef\xbb\xbf{}", '{"a":NaN}', '{"a":01}', "{\"a\":\"\n\"}", '/* */ {}']
--- error_code eval
[(400) x 28]
--- response_body eval
[(::problem('not-json', 400)) x 28]



=== TEST 18: a body that is too large is not read
--- more_headers
Content-Type: application/json
--- request eval
$::login . '{"email":"' . 'x' x 66000 . '"}'
--- error_code: 413
--- response_body eval
::problem('too-large', 413)



=== TEST 19: a body that turns out too large
--- raw_request eval
::chunked('{"email":"' . 'x' x 65525 . '"}')
--- error_code: 413
--- response_body eval
::problem('too-large', 413)



=== TEST 20: a body as large as may be, in chunks
--- raw_request eval
::chunked('{"email":"' . 'x' x 65500 . '"}')
--- error_code: 422
--- response_body eval
::field('email')
--- no_error_log
temporary file



=== TEST 21: a body as large as may be
--- more_headers
Content-Type: application/json
--- request eval
$::login . '{"email":"' . 'x' x 65524 . '"}'
--- error_code: 422
--- response_body eval
::field('email')
--- no_error_log
temporary file



=== TEST 22: fields of a login
--- more_headers
Content-Type: application/json
--- request eval
[map { $::login . $_ } '{}', '{"password":"12345678"}', '{"email":"a@b.c"}', '{"email":"","password":"12345678"}',
 '{"email":"a@b.c","password":""}', '{"email":1,"password":"12345678"}', '{"email":["a"],"password":"12345678"}',
 '{"email":null,"password":"12345678"}', '{"email":"a@b.c","password":12345678}', '{"email":"a@b.c","password":{"ne":1}}',
 '{"email":"' . 'x' x 255 . '","password":"12345678"}', '{"email":"a@b.c","password":"' . 'x' x 129 . '"}',
 '{"email":"a@b.c","password":"' . 'x' x 60000 . '"}',
 '{"email":"a@b.c","password":"12345678","is_admin":true}', '{"email":"a@b.c","password":"12345678","Email":"x"}',
 '{"username":"a@b.c","password":"12345678"}']
--- error_code eval
[(422) x 16]
--- response_body eval
[map { ::field($_) } qw(email email password email password email email email password password email password password
                        is_admin Email username)]



=== TEST 23: a field with a name as long as may be, and as odd
--- more_headers
Content-Type: application/json
--- request eval
[$::login . '{"' . 'x' x 5000 . '":1}', $::login . '{"\u202e\u0001\"<script>%s%n":1}']
--- error_code eval
[422, 422]
--- response_headers eval
[('Content-Type: application/problem+json') x 2]



=== TEST 24: without the database
--- token: admin
--- more_headers
Content-Type: application/json
--- request eval
['GET /api/auth/me', 'GET /api/admin/audit-logs', $::login . $::credentials]
--- error_code eval
[503, 503, 503]
--- response_headers_like eval
[('Retry-After: [1-9]\d*') x 3]
--- response_body eval
[(::problem('database-away', 503)) x 3]



=== TEST 25: without the database, by TCP
--- http_config
    leadgen_zone leadgen:1m;
    leadgen_jwt_key file:$TEST_NGINX_KEY alg=HS256 kid=test;
    leadgen_spool $TEST_NGINX_SPOOL size=4m;
    leadgen_database "hostaddr=127.0.0.1 port=1 dbname=x" timeout=300ms;
--- token: admin
--- request
GET /api/auth/me
--- error_code: 503
--- response_headers_like
Retry-After: [1-9]\d*
--- response_body eval
::problem('database-away', 503)



=== TEST 26: a query that is none
--- token: admin
--- request eval
[map { "GET /api/admin/audit-logs?$_" } 'a=1&a=2', '=1', 'a=%', 'a=%zz', 'a=%00', 'a=%ff', '%c0%af=1', 'a=1&&b=2']
--- error_code eval
[(400) x 8]
--- response_body eval
[(::problem('bad-query', 400)) x 8]



=== TEST 27: a password stands in no log
--- log_level: debug
--- more_headers
Content-Type: application/json
--- request eval
$::login . '{"email":"a@example.com","password":"hidden-from-all-logs"}'
--- error_code: 503
--- no_error_log
hidden-from-all-logs
