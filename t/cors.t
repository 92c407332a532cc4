# CORS: preflights that a browser would make, and no others; what answers say.

use strict;
use warnings;

use FindBin;
BEGIN { push @INC, "$FindBin::Bin/lib"; }
use Test::Nginx::Socket 'no_plan';
use Leadgen;

our $http = <<'EOC';
    leadgen_zone leadgen:1m;
    leadgen_jwt_key file:$TEST_NGINX_KEY alg=HS256 kid=test;
    leadgen_spool $TEST_NGINX_SPOOL size=4m;
    leadgen_database "$TEST_NGINX_DATABASE";

    server {
        listen unix:$TEST_NGINX_SERVER_ROOT/upstream.sock;
        location / {
            add_header Access-Control-Allow-Origin *;
            add_header Access-Control-Allow-Credentials true;
            return 200 "$request_method served\n";
        }
    }
EOC

our $policy = 'leadgen_policy { GET|POST /api/x lead:read;'
              . ' OPTIONS /api/own public; GET /api/open public; }';
our $proxy = 'proxy_pass http://unix:$TEST_NGINX_SERVER_ROOT/upstream.sock:;';
our $app = 'https://app.example.com';
our $preflight = "Origin: $app\nAccess-Control-Request-Method: POST\n";

add_block_preprocessor(sub {
    my ($block) = @_;

    my $cors = $block->cors // "$app http://localhost:3000 credentials";
    chomp $cors;

    $block->set_value(http_config => $http);
    $block->set_value(config => "location /api/ {"
                                . " leadgen_cors $cors; $policy $proxy }"
                                . " location /api/auth { leadgen_api;"
                                . " leadgen_cors $cors; }")
        if !defined $block->config;
});

run_tests();

__DATA__

=== TEST 1: a preflight is answered, without a token
--- more_headers eval
$::preflight
--- request
OPTIONS /api/x
--- error_code: 204
--- response_headers eval
"Access-Control-Allow-Origin: $::app
Access-Control-Allow-Methods: GET, HEAD, POST, PUT, PATCH, DELETE
Access-Control-Allow-Headers: Authorization, Content-Type
Access-Control-Allow-Credentials: true
Access-Control-Max-Age: 600
Vary: Origin"
--- raw_response_headers_like: X-Request-Id: [0-9a-f-]{36}\r



=== TEST 2: also of the module's own API
--- more_headers eval
$::preflight
--- request
OPTIONS /api/auth/login
--- error_code: 204



=== TEST 3: it does not tell which routes there are
--- more_headers eval
$::preflight
--- request eval
['OPTIONS /api/x', 'OPTIONS /api/nowhere', 'OPTIONS /api/own']
--- error_code eval
[204, 204, 204]



=== TEST 4: what is no preflight of a known origin is a request like others
--- more_headers eval
["Origin: $::app\n", "Access-Control-Request-Method: POST\n", '',
 "Origin: https://evil.example.com\nAccess-Control-Request-Method: POST\n",
 "Origin: null\nAccess-Control-Request-Method: POST\n",
 "Origin: $::app.evil.com\nAccess-Control-Request-Method: POST\n",
 "Origin: http://app.example.com\nAccess-Control-Request-Method: POST\n",
 "Origin: $::app:8443\nAccess-Control-Request-Method: POST\n",
 "Origin: HTTPS://APP.example.com\nAccess-Control-Request-Method: POST\n"]
--- request eval
[('OPTIONS /api/x') x 9]
--- error_code eval
[(401) x 9]
--- response_headers eval
["Access-Control-Allow-Origin: $::app", ('! Access-Control-Allow-Origin') x 8]



=== TEST 5: a preflight has no body
--- more_headers eval
$::preflight
--- request
OPTIONS /api/x
body
--- error_code: 401



=== TEST 6: a path that is not canonical is refused before
--- more_headers eval
$::preflight
--- request
OPTIONS /api//x
--- error_code: 400



=== TEST 7: a route with OPTIONS is served as its line says
--- request
OPTIONS /api/own
--- response_body
OPTIONS served
--- response_headers
! Access-Control-Allow-Methods
Vary: Origin



=== TEST 8: an answer says so once, whatever the application says
--- more_headers eval
"Origin: $::app\n"
--- request
GET /api/open
--- response_headers eval
"Access-Control-Allow-Origin: $::app
Access-Control-Allow-Credentials: true
Access-Control-Expose-Headers: X-Request-Id
Vary: Origin"
--- raw_response_headers_unlike: (?s)Allow-Origin.*Allow-Origin



=== TEST 9: refusals can be read, too
--- more_headers eval
"Origin: $::app\n"
--- token eval
[undef, 'stranger']
--- request eval
['GET /api/x', 'GET /api/x']
--- error_code eval
[401, 403]
--- response_headers eval
[("Access-Control-Allow-Origin: $::app") x 2]



=== TEST 10: another origin is told nothing
--- more_headers
Origin: https://evil.example.com
--- request
GET /api/open
--- response_headers
! Access-Control-Allow-Origin
! Access-Control-Allow-Credentials
! Access-Control-Expose-Headers
Vary: Origin



=== TEST 11: everybody, without credentials
--- cors: *
--- more_headers eval
["Origin: https://evil.example.com\nAccess-Control-Request-Method: GET\n",
 "Origin: null\n"]
--- request eval
['OPTIONS /api/x', 'GET /api/open']
--- error_code eval
[204, 200]
--- response_headers eval
[("Access-Control-Allow-Origin: *\n! Access-Control-Allow-Credentials\n! Vary")
 x 2]



=== TEST 12: what a page may send and read, and for how long
--- cors: https://app.example.com headers=X-One,X-Two expose=ETag max_age=1h
--- more_headers eval
$::preflight
--- request
OPTIONS /api/x
--- error_code: 204
--- response_headers
Access-Control-Allow-Headers: X-One, X-Two
Access-Control-Expose-Headers: ETag
Access-Control-Max-Age: 3600
! Access-Control-Allow-Credentials



=== TEST 13: switched off in a location
--- config eval
"leadgen_cors $::app; location /api/ { leadgen_cors off; $::policy $::proxy }"
--- more_headers eval
$::preflight
--- request
OPTIONS /api/x
--- error_code: 401
--- response_headers
! Access-Control-Allow-Origin
! Vary



=== TEST 14: a location without a policy
--- config eval
"leadgen_cors $::app; location /free/ { $::proxy }"
--- more_headers eval
$::preflight
--- request eval
['OPTIONS /free/x', 'POST /free/x']
--- error_code eval
[204, 200]
