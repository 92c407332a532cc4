# The guard: each role on each kind of route, what the client is told, what the
# upstream is told, and the ways around it.

use strict;
use warnings;

use FindBin;
BEGIN { push @INC, "$FindBin::Bin/lib"; }
use Test::Nginx::Socket 'no_plan';
use Leadgen;

our $uuid = '[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}'
            . '-[0-9a-f]{12}';

# an application that says what it was told
our $http = <<'EOC';
    leadgen_zone leadgen:1m;
    leadgen_jwt_key file:$TEST_NGINX_KEY alg=HS256 kid=test;
    leadgen_spool $TEST_NGINX_SPOOL size=4m;
    leadgen_database "$TEST_NGINX_DATABASE";
    leadgen_role analyst extends=user analytics:export;

    server {
        listen unix:$TEST_NGINX_SERVER_ROOT/upstream.sock;
        underscores_in_headers on;
        location / {
            add_header X-Seen-Request-Id $http_x_request_id;
            return 200 "$request_uri id=$http_x_user_id email=$http_x_user_email role=$http_x_user_role\n";
        }
        location = /api/accel {
            add_header X-Accel-Redirect /secret/file.txt;
            return 200 "";
        }
        location = /api/id {
            add_header X-Request-Id theirs;
            return 200 "id\n";
        }
        location = /mirrored { return 404; }
    }
EOC

our $policy = <<'EOC';
        leadgen_policy {
            GET        /api/campaigns         campaign:read;
            POST       /api/campaigns         campaign:create;
            GET        /api/campaigns/:id     campaign:read;
            PUT|PATCH  /api/campaigns/:id     campaign:update;
            DELETE     /api/campaigns/:id     campaign:delete;
            GET        /api/campaigns/drafts  campaign:publish;
            GET        /api/leads/export      lead:read lead:export;
            GET        /api/reports/export    analytics:read analytics:export;
            GET        /api/settings          role=admin;
            GET        /api/desk              role=admin|manager;
            GET        /api/teams/desk        role=manager team:update;
            GET        /api/profile           authenticated;
            GET        /api/public/**         public;
            GET        /api/files/**          lead:delete;
            GET        /api/files/mine/:id    lead:read;
            GET        /api/accel             authenticated;
            GET        /api/id                public;
        }
EOC

our $proxy = 'proxy_pass http://unix:$TEST_NGINX_SERVER_ROOT/upstream.sock:;';

our @requests = (
    'GET /api/campaigns',           # a permission
    'POST /api/campaigns',
    'GET /api/campaigns/7',         # a parameter
    'PUT /api/campaigns/7',
    'PATCH /api/campaigns/7',
    'DELETE /api/campaigns/7',
    'GET /api/campaigns/drafts',    # a literal beats a parameter
    'GET /api/leads/export',        # several permissions
    'GET /api/reports/export',
    'GET /api/settings',            # a role
    'GET /api/desk',                # one of two roles
    'GET /api/teams/desk',          # a role and a permission
    'GET /api/profile',             # anybody with a token
    'GET /api/public/a/b',          # anybody
    'GET /api/files/a/b',           # the rest
    'GET /api/files/mine/7',        # a parameter beats the rest
    'GET /api/elsewhere',           # no rule
    'DELETE /api/campaigns',        # no rule for this method
);

# before Leadgen's, which fills in what is still missing
add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(http_config => $http)
        if !defined $block->http_config;
    $block->set_value(config => "location /api/ { $policy $proxy }")
        if !defined $block->config;
    $block->set_value(request => \@requests) if !defined $block->request;
});

run_tests();

__DATA__

=== TEST 1: nobody on each kind of route
--- error_code eval
[(401) x 13, 200, (401) x 4]



=== TEST 2: an admin on each kind of route
--- token: admin
--- error_code eval
[(200) x 11, 403, (200) x 4, 403, 403]



=== TEST 3: a manager on each kind of route
--- token: manager
--- error_code eval
[(200) x 5, 403, 403, 200, 403, 403, 200, 200, 200, 200, 200, 200, 403, 403]



=== TEST 4: a user on each kind of route
--- token: user
--- error_code eval
[200, 403, 200, (403) x 9, 200, 200, 403, 200, 403, 403]



=== TEST 5: a role of the configuration that extends another
--- token: analyst
--- error_code eval
[200, 403, 200, (403) x 5, 200, (403) x 3, 200, 200, 403, 200, 403, 403]



=== TEST 6: a role that the configuration does not know
--- token: stranger
--- error_code eval
[(403) x 12, 200, 200, (403) x 4]



=== TEST 7: who lacks a permission is told which
--- token: user
--- request
DELETE /api/campaigns/7
--- error_code: 403
--- response_headers
Content-Type: application/problem+json
Cache-Control: no-store
! WWW-Authenticate
--- response_body eval
qr/^\{"type":"\/docs#problem-permission-missing","title":"Permission missing","status":403,"detail":"[^"]{20,}","request_id":"$::uuid","required_permission":"campaign:delete"\}$/



=== TEST 8: of several permissions the one that is missing
--- token: user
--- request
GET /api/leads/export
--- error_code: 403
--- response_body_like: "required_permission":"lead:export"\}$



=== TEST 9: who lacks a role is told no permission
--- token: user
--- request
GET /api/settings
--- error_code: 403
--- response_body_like: problem-permission-missing.*"request_id":"[^"]+"\}$



=== TEST 10: without a token
--- request
GET /api/campaigns
--- error_code: 401
--- response_headers
Content-Type: application/problem+json
WWW-Authenticate: Bearer
--- raw_response_headers_like eval
"X-Request-Id: $::uuid\r"
--- response_body eval
qr/^\{"type":"\/docs#problem-unauthenticated","title":"Authentication required","status":401,"detail":"[^"]{20,}","request_id":"$::uuid"\}$/



=== TEST 11: without a rule
--- token: admin
--- request
GET /api/elsewhere
--- error_code: 403
--- response_body_like: ^\{"type":"/docs#problem-route-unknown","title":"No rule allows this","status":403,"detail":"[^"]{20,}","request_id":"[^"]+"\}$



=== TEST 12: every answer has a request id
also those that this module has nothing to do with
--- config eval
"location /api/ { $::policy $::proxy } location = /returned { return 204; }
 location = /gone { return 410; } location = /moved { return 301 /; }"
--- token: user
--- request eval
['GET /api/campaigns', 'GET /api/settings', 'GET /returned', 'GET /gone',
 'GET /moved', 'GET /index.html', 'HEAD /api/campaigns']
--- error_code eval
[200, 403, 204, 410, 301, 200, 200]
--- response_headers_like eval
[("X-Request-Id: $::uuid") x 7]



=== TEST 13: the upstream's own request id is not a second one
--- request
GET /api/id
--- response_headers_like eval
"X-Request-Id: $::uuid"



=== TEST 14: the upstream is told who asks, and the id the client gets
--- token: manager
--- request
GET /api/campaigns/7?a=b
--- response_body
/api/campaigns/7?a=b id=2 email=manager@example.com role=manager
--- raw_response_headers_like eval
qr/(?=.*X-Request-Id: ($::uuid)).*X-Seen-Request-Id: \1/s



=== TEST 15: forged identity headers do not pass
--- config eval
"underscores_in_headers on; location /api/ { $::policy $::proxy }
 location /open/ { $::proxy }"
--- more_headers
X-User-Id: 1
X-User-Email: admin@example.com
x-user-role: admin
X-User-Id: 1
X_User_Id: 1
X-User_Email: admin@example.com
X_USER_ROLE: admin
--- request eval
['GET /api/public/x', 'GET /open/x']
--- response_body eval
["/api/public/x id= email= role=\n", "/open/x id= email= role=\n"]
--- error_code eval
[200, 200]



=== TEST 16: forged identity headers do not pass beside a token
--- config eval
"underscores_in_headers on; location /api/ { $::policy $::proxy }"
--- token: user
--- more_headers
X_User_Id: 1
X-User-Id: 1
X-User-Role: admin
X_User_Email: admin@example.com
Connection: X-User-Id, X-User-Role, close
--- request
GET /api/profile
--- response_body
/api/profile id=3 email=user@example.com role=user



=== TEST 17: forged identity headers do not pass where the path is rewritten
--- config eval
"location /old/ { rewrite ^/old/(.*) /new/\$1 last; }
 location /break/ { rewrite ^/break/(.*) /new/\$1 break; $::proxy }
 location /new/ { $::proxy }
 location /error/ { error_page 418 = \@application; return 418; }
 location \@application { $::proxy }"
--- more_headers
X-User-Id: 1
X-User-Role: admin
--- request eval
['GET /old/x', 'GET /break/x', 'GET /error/x']
--- response_body eval
["/new/x id= email= role=\n", "/new/x id= email= role=\n",
 "/error/x id= email= role=\n"]
--- error_code eval
[200, 200, 200]



=== TEST 18: who asks is known in the named location behind a guarded one
--- config eval
"location /api/ { $::policy try_files /none \@application; }
 location \@application { $::proxy }"
--- token: user
--- request
GET /api/profile
--- response_body
/api/profile id=3 email=user@example.com role=user



=== TEST 19: a client's request id is not taken over
--- more_headers
X-Request-Id: 0189a7b2-7c4e-7def-8abc-0123456789ab
X_Request_Id: 0189a7b2-7c4e-7def-8abc-0123456789ab
--- request
GET /api/public/x
--- raw_response_headers_like eval
qr/X-Request-Id: (?!0189a7b2)$::uuid/
--- raw_response_headers_unlike: 0189a7b2



=== TEST 20: variables
--- config eval
"add_header X-Told '\$leadgen_decision|\$leadgen_user_id|\$leadgen_user_email|\$leadgen_role|\$leadgen_permission' always;
 add_header X-Id \$leadgen_request_id always;
 location /api/ { $::policy $::proxy }"
--- token eval
['manager', 'user', undef, 'user', undef]
--- request eval
['GET /api/leads/export', 'GET /api/leads/export', 'GET /api/profile',
 'GET /api/profile', 'GET /api/public/x']
--- error_code eval
[200, 403, 401, 200, 200]
--- response_headers eval
['X-Told: allowed|2|manager@example.com|manager|lead:read',
 'X-Told: denied|3|user@example.com|user|lead:read',
 'X-Told: unauthenticated||||',
 'X-Told: allowed|3|user@example.com|user|',
 'X-Told: public||||']
--- raw_response_headers_like eval
[(qr/(?=.*X-Request-Id: ($::uuid)).*X-Id: \1/s) x 5]



=== TEST 21: "satisfy any" does not open what the policy closes
--- config eval
"satisfy any; allow 127.0.0.1; location /api/ { $::policy $::proxy }"
--- token: user
--- request eval
['GET /api/settings', 'GET /api/elsewhere', 'GET /api/profile']
--- error_code eval
[403, 403, 200]



=== TEST 22: "satisfy any" with a page for refusals does not, either
--- config eval
"satisfy any; allow 127.0.0.1; error_page 401 403 /refused;
 location = /refused { return 200 'page'; }
 location /api/ { $::policy $::proxy }"
--- token eval
['user', undef]
--- request eval
['GET /api/settings', 'GET /api/profile']
--- error_code eval
[403, 401]
--- response_body eval
['page', 'page']



=== TEST 23: "deny" still closes what the policy opens
--- config eval
"location /api/ { deny all; $::policy $::proxy }"
--- token: admin
--- request eval
['GET /api/profile', 'GET /api/public/x']
--- error_code eval
[403, 403]



=== TEST 24: the operator's own page for refusals
--- config eval
"error_page 403 /refused; error_page 401 = /login;
 location = /refused { return 200 'page'; }
 location = /login { return 302 /enter; }
 location /api/ { $::policy $::proxy }"
--- token eval
['user', undef]
--- request eval
['GET /api/settings', 'GET /api/profile']
--- error_code eval
[403, 302]
--- response_body_like eval
['^page$', '']
--- response_headers eval
['! Location', "Location: http://localhost:$ENV{TEST_NGINX_SERVER_PORT}/enter"]



=== TEST 25: a refusal whose page is refused stays a refusal
--- config eval
"error_page 403 /api/settings; location /api/ { $::policy $::proxy }"
--- token: user
--- request
GET /api/settings
--- error_code: 403



=== TEST 26: nested locations are guarded, too
--- config eval
"location /api/ { $::policy
     location /api/files/ { $::proxy }
     location ~ \\.php\$ { $::proxy }
     $::proxy }"
--- token eval
['user', undef, 'user']
--- request eval
['GET /api/files/a', 'GET /api/files/a', 'GET /api/x.php']
--- error_code eval
[403, 401, 403]



=== TEST 27: an internal redirect is judged by the path it leads to
--- config eval
"location /api/ { $::policy $::proxy }
 location /secret/ { leadgen_policy { GET /secret/** system:settings; } root html; }
 location /tried/ { leadgen_policy { GET /tried/** public; } try_files /none /secret/file.txt; }
 location /rewritten/ { rewrite ^ /secret/file.txt last; }
 location /lost/ { error_page 404 = /secret/file.txt; root html; }
 location /named/ { try_files /none \@named; }
 location \@named { leadgen_policy { GET /named/open public; } $::proxy }"
--- user_files
>>> secret/file.txt
secret
--- token eval
[(map { ('user', 'admin') } 1 .. 4), 'admin', undef]
--- request eval
['GET /api/accel', 'GET /api/accel', 'GET /tried/x', 'GET /tried/x',
 'GET /rewritten/x', 'GET /rewritten/x', 'GET /lost/x', 'GET /lost/x',
 'GET /named/x', 'GET /named/open']
--- error_code eval
[403, 200, 403, 200, 403, 200, 403, 200, 403, 200]
--- response_body_like eval
[('problem-permission-missing', '^secret$') x 4, 'problem-route-unknown', '']



=== TEST 28: a page that includes a denied path
--- config eval
"location /pages/ { leadgen_policy { GET /pages/** public; GET /pages/own authenticated; }
     root html; ssi on; ssi_types *; }
 location /secret/ { leadgen_policy { GET /secret/** lead:delete; } root html; }
 location /plain/ { root html; ssi on; ssi_types *; }"
--- user_files
>>> pages/one
<!--# include virtual="/secret/file.txt" -->
>>> pages/own
<!--# include virtual="/secret/file.txt" -->
>>> plain/one
<!--# include virtual="/secret/file.txt" -->
>>> secret/file.txt
fragment
--- token eval
[undef, 'user', 'admin', 'admin']
--- request eval
['GET /pages/one', 'GET /pages/own', 'GET /pages/own', 'GET /plain/one']
--- error_code eval
[200, 200, 200, 200]
--- response_body_like eval
my $refused = '^(?!.*fragment).*403 Forbidden';
[$refused, $refused, '^fragment(?!.*403)', $refused]



=== TEST 29: auth_request to a denied path
--- config eval
"location /asked/ { leadgen_policy { GET /asked/** authenticated; } auth_request /ask; $::proxy }
 location = /ask { leadgen_policy { GET /ask lead:delete; } $::proxy }"
--- token eval
['user', 'admin']
--- request eval
['GET /asked/x', 'GET /asked/x']
--- error_code eval
[403, 200]



=== TEST 30: a mirror of a denied path
--- config eval
"location /front/ { leadgen_policy { GET /front/** authenticated; } mirror /mirrored; $::proxy }
 location = /mirrored { internal; leadgen_policy { GET /mirrored lead:delete; } root html; }"
--- token: user
--- request
GET /front/x
--- no_error_log
html/mirrored



=== TEST 31: a mirror of an allowed path
--- config eval
"location /front/ { leadgen_policy { GET /front/** authenticated; } mirror /mirrored; $::proxy }
 location = /mirrored { internal; leadgen_policy { GET /mirrored lead:delete; } root html; }"
--- token: admin
--- request
GET /front/x
--- error_log
html/mirrored



=== TEST 32: the module's own API is no way around the policy of another path
--- config eval
"location /api/ { $::policy $::proxy }
 location /pages/ { ssi on; ssi_types *; root html; }
 location /api/admin { leadgen_api; }"
--- user_files
>>> pages/one
<!--# include virtual="/api/admin/roles" -->
--- token: admin
--- request
GET /pages/one
--- response_body_unlike: permissions



=== TEST 33: a second Authorization header
--- token: user
--- more_headers
Authorization: Bearer x
--- request
GET /api/profile
--- error_code: 400



=== TEST 34: of revocations nothing was ever heard
--- http_config eval
"$::http    leadgen_revocation_max_stale 15s deny;"
--- token eval
['admin', undef, undef]
--- request eval
['GET /api/profile', 'GET /api/profile', 'GET /api/public/x']
--- error_code eval
[503, 401, 200]
--- response_body_like eval
['#problem-revocations-unknown', '#problem-unauthenticated', '^/api/public/x']
--- response_headers_like eval
['Retry-After: 1', 'WWW-Authenticate: Bearer', '']
