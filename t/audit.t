# The audit log: one row for each decision that is to be recorded, there as soon
# as it is asked for.

use strict;
use warnings;

use FindBin;
BEGIN { push @INC, "$FindBin::Bin/lib"; }

our $reason;
BEGIN {
    require Leadgen::Postgres;
    $reason = Leadgen::Postgres::start();
}

use Test::Nginx::Socket $reason ? (skip_all => $reason) : 'no_plan';
use Leadgen;

our $proxy = 'proxy_pass http://unix:$TEST_NGINX_SERVER_ROOT/upstream.sock:;';
our $policy = <<'EOC';
        leadgen_policy {
            GET        /api/campaigns              campaign:read;
            GET        /api/campaigns/:id          campaign:read;
            POST       /api/campaigns              campaign:create   audit=campaign_created resource=campaign;
            PUT|PATCH  /api/campaigns/:id          campaign:update   audit=campaign_updated resource=offer;
            DELETE     /api/campaigns/:id          campaign:delete   audit=campaign_deleted;
            DELETE     /api/teams/:team/leads/:id  lead:delete       audit=lead_deleted;
            GET        /api/leads/export           lead:export       audit=lead_exported;
            POST       /api/public/:id             public            audit=lead_created;
        }
EOC


# The log of one row, in which these fields have these values.

sub row {
    my %field = @_;

    my $all = join '', map { qq((?=.*"$_":\\s*$field{$_}(?:,|\\}))) } keys %field;

    return qr/^$all\{"items":\s*\[\{"id":(?:(?!\},\s*\{"id":).)*\}\],\s*"next_cursor":\s*null\}$/s;
}


sub rows {
    my ($n) = @_;
    my $row = '\{"id":(?:(?!\},\s*\{"id":).)*\}';

    return $n == 0 ? qr/^\{"items":\s*\[\],/
                   : qr/^\{"items":\s*\[$row(?:,\s*$row){@{[$n - 1]}}\],/s;
}


# What a request was, and then what the log has of that resource or path.

sub then_logs { return ($_[0], "GET /api/admin/audit-logs?$_[1]") }


add_block_preprocessor(sub {
    my ($block) = @_;

    my $more = $block->more_http // '';
    $block->set_value(http_config => <<"EOC");
    leadgen_zone leadgen:1m;
    leadgen_jwt_key file:\$TEST_NGINX_KEY alg=HS256 kid=test;
    leadgen_spool \$TEST_NGINX_SPOOL size=4m;
    leadgen_database "\$TEST_NGINX_DATABASE";
    $more

    server {
        listen unix:\$TEST_NGINX_SERVER_ROOT/upstream.sock;
        location / { return 200 "done\\n"; }
        location /api/campaigns/lost { return 404; }
        location /api/campaigns/broken { return 500; }
        location /api/campaigns/gone { return 444; }
    }
EOC
    my $config = $block->config // "location /api/ { $policy $proxy }";
    $block->set_value(config => "location /api/admin { leadgen_api; }\n"
                      . "location /api/auth { leadgen_api; }\n"
                      . Leadgen::Postgres::metrics() . $config);
    $block->set_value(wait => '0.3') if !defined $block->wait;
});

log_level('info');
Leadgen::Postgres::query(<<'EOC' =~ s/HASH/crypt('a good one', '$2b$04$' . 'a' x 22)/er);
    insert into users (email, name, hashed_password, role)
    values ('admin@example.com', 'Admin', 'HASH', 'admin'),
           ('manager@example.com', 'Manager', '!', 'manager')
EOC

run_tests();

__DATA__

=== TEST 1: what was done
--- more_headers
User-Agent: test/1.0
--- token eval
['admin', 'admin']
--- request eval
[::then_logs('DELETE /api/campaigns/t1?x=secret', 'resource_id=t1')]
--- error_code eval
[200, 200]
--- response_body_like eval
['', ::row(action => '"campaign_deleted"', user_id => 1, user_email => '"admin\@example.com"', resource_type => '"campaign"',
 resource_id => '"t1"', ip_address => '"127.0.0.1"', user_agent => '"test\/1.0"', success => 'true', error_message => 'null',
 path => '"\/api\/campaigns\/t1"', method => '"DELETE"', status => 200, role => '"admin"')]



=== TEST 2: what was refused
--- token eval
['user', 'admin']
--- request eval
[::then_logs('DELETE /api/campaigns/t2', 'resource_id=t2')]
--- error_code eval
[403, 200]
--- response_body_like eval
['', ::row(action => '"campaign_deleted"', user_id => 3, user_email => '"user\@example.com"', success => 'false', status => 403,
 error_message => '"permission-missing: campaign:delete"')]



=== TEST 3: who did not say who
--- token eval
[undef, 'admin']
--- request eval
[::then_logs('PUT /api/campaigns/t3', 'resource_id=t3')]
--- error_code eval
[401, 200]
--- response_body_like eval
['', ::row(action => '"campaign_updated"', user_id => 'null', user_email => 'null', success => 'false', status => 401,
 error_message => '"unauthenticated"', resource_type => '"offer"')]



=== TEST 4: a token that has expired
--- token eval
[{ role => 'admin', exp => 1 }, 'admin']
--- request eval
[::then_logs('PATCH /api/campaigns/t4', 'resource_id=t4')]
--- error_code eval
[401, 200]
--- response_body_like eval
['', ::row(user_id => 'null', success => 'false', error_message => '"token-expired"')]



=== TEST 5: what is public
--- token eval
[undef, 'admin']
--- request eval
[::then_logs('POST /api/public/t5', 'resource_id=t5')]
--- error_code eval
[200, 200]
--- response_body_like eval
['', ::row(action => '"lead_created"', user_id => 'null', success => 'true', status => 200)]



=== TEST 6: the last parameter is the resource
--- token eval
['manager', 'admin']
--- request eval
[::then_logs('DELETE /api/teams/9/leads/t6', 'resource_id=t6')]
--- error_code eval
[200, 200]
--- response_body_like eval
['', ::row(action => '"lead_deleted"', resource_type => '"lead"', user_id => 2)]



=== TEST 7: what the upstream does not find
--- token eval
['admin', 'admin']
--- request eval
[::then_logs('DELETE /api/campaigns/lost', 'resource_id=lost')]
--- error_code eval
[404, 200]
--- response_body_like eval
['', ::row(success => 'false', status => 404, error_message => '"HTTP status 404"')]



=== TEST 8: what the upstream fails at
--- token eval
['admin', 'admin']
--- request eval
[::then_logs('DELETE /api/campaigns/broken', 'resource_id=broken')]
--- error_code eval
[500, 200]
--- response_body_like eval
['', ::row(success => 'false', status => 500, error_message => '"HTTP status 500"')]



=== TEST 9: an upstream that hangs up
--- token eval
['admin', 'admin']
--- request eval
[::then_logs('DELETE /api/campaigns/gone', 'resource_id=gone')]
--- error_code eval
[502, 200]
--- response_body_like eval
['', ::row(success => 'false', status => 502)]



=== TEST 10: a route without an action, refused
--- token eval
['stranger', 'admin']
--- request eval
[::then_logs('GET /api/campaigns/t10', 'q=t10')]
--- error_code eval
[403, 200]
--- response_body_like eval
['', ::row(action => '"access_denied"', user_id => 4, success => 'false', error_message => '"permission-missing: campaign:read"', resource_id => '"t10"')]



=== TEST 11: a route without an action, allowed
--- token eval
['user', 'admin']
--- request eval
[::then_logs('GET /api/campaigns/t11', 'q=t11')]
--- error_code eval
[200, 200]
--- response_body_like eval
['', ::rows(0)]



=== TEST 12: a route without an action, where all is recorded
--- more_http
    leadgen_audit all;
--- token eval
['user', 'admin']
--- request eval
[::then_logs('GET /api/campaigns/t12', 'q=t12')]
--- error_code eval
[200, 200]
--- response_body_like eval
['', ::row(action => '"access_granted"', user_id => 3, success => 'true')]



=== TEST 13: a route without an action, where only routes are
--- more_http
    leadgen_audit routes;
--- token eval
['stranger', 'admin']
--- request eval
[::then_logs('GET /api/campaigns/t13', 'q=t13')]
--- error_code eval
[403, 200]
--- response_body_like eval
['', ::rows(0)]



=== TEST 14: a route with an action, where only routes are
--- more_http
    leadgen_audit routes;
--- token eval
['user', 'admin']
--- request eval
[::then_logs('DELETE /api/campaigns/t14', 'resource_id=t14')]
--- error_code eval
[403, 200]
--- response_body_like eval
['', ::row(action => '"campaign_deleted"', success => 'false')]



=== TEST 15: no rule
--- token eval
['admin', 'admin']
--- request eval
[::then_logs('GET /api/unknown/t15', 'q=t15')]
--- error_code eval
[403, 200]
--- response_body_like eval
['', ::row(action => '"access_denied"', error_message => '"route-unknown"', user_id => 1)]



=== TEST 16: a path that is not canonical
--- token eval
['admin', 'admin']
--- request eval
[::then_logs('GET /api/campaigns//t16', 'q=t16')]
--- error_code eval
[400, 200]
--- response_body_like eval
['', ::row(action => '"access_denied"', error_message => '"path-not-canonical"', user_id => 'null', status => 400)]



=== TEST 17: a method that no rule can name
--- token eval
['admin', 'admin']
--- request eval
[::then_logs('FOO /api/campaigns/t17', 'q=t17')]
--- error_code eval
[403, 200]
--- response_body_like eval
['', ::row(action => '"access_denied"', error_message => '"route-unknown"', method => '"FOO"')]



=== TEST 18: what another module refuses
--- config eval
"location /api/ { deny all; $::policy $::proxy }"
--- token eval
['admin', 'admin']
--- request eval
[::then_logs('DELETE /api/campaigns/t18', 'resource_id=t18')]
--- error_code eval
[403, 200]
--- response_body_like eval
['', ::row(action => '"campaign_deleted"', success => 'false', status => 403, error_message => '"HTTP status 403"')]



=== TEST 19: the operator's own page does not hide the reason
--- config eval
"error_page 403 /page; location = /page { leadgen_policy { GET|DELETE /page public; } root html; try_files /index.html =404; }
 location /api/ { $::policy $::proxy }"
--- token eval
['user', 'admin']
--- request eval
[::then_logs('DELETE /api/campaigns/t19', 'resource_id=t19')]
--- error_code eval
[403, 200]
--- response_body_like eval
['', ::row(user_id => 3, success => 'false', status => 403, error_message => '"permission-missing: campaign:delete"')]



=== TEST 20: a page of the operator's for what the upstream does not find
--- config eval
"error_page 404 /api/campaigns/page; location /api/ { $::policy proxy_intercept_errors on; $::proxy }"
--- token eval
['admin', 'admin']
--- request eval
[::then_logs('DELETE /api/campaigns/lost2', 'resource_id=lost2')]
--- error_code eval
[404, 200]
--- response_body_like eval
['', ::row(user_id => 1, success => 'false', status => 404)]



=== TEST 21: bytes that are no text
--- more_headers eval
"User-Agent: a\xff\x1b\xe2\x80\xae"
--- token eval
['admin', 'admin']
--- request eval
[::then_logs('DELETE /api/campaigns/t21', 'resource_id=t21')]
--- error_code eval
[200, 200]
--- response_body_like eval
['', ::row(user_agent => '"a\\\\\\\\xff\\\\\\\\x1b.*"', success => 'true')]



=== TEST 22: a long user agent
--- more_headers eval
'User-Agent: ' . 'x' x 6000
--- token eval
['admin', 'admin']
--- request eval
[::then_logs('DELETE /api/campaigns/t22', 'resource_id=t22')]
--- error_code eval
[200, 200]
--- response_body_like eval
['', ::row(action => '"campaign_deleted"', success => 'true')]



=== TEST 23: what a page includes has no row of its own
--- config eval
"location /pages/ { leadgen_policy { GET /pages/:id public audit=lead_exported; } ssi on; ssi_types *; root html; }
 location /api/ { $::policy $::proxy }"
--- user_files
>>> pages/t23
<!--# include virtual="/api/campaigns/t23-1" --><!--# include virtual="/api/public/t23-2" -->
--- token eval
['user', 'admin']
--- request eval
[::then_logs('GET /pages/t23', 'q=t23')]
--- error_code eval
[200, 200]
--- response_body_like eval
['', ::rows(1)]



=== TEST 24: a refusal that is answered by a redirect is a refusal
--- config eval
"error_page 401 = /login; location = /login { return 302 /enter; } location /api/ { $::policy $::proxy }"
--- token eval
[undef, 'admin']
--- request eval
[::then_logs('DELETE /api/campaigns/t25', 'resource_id=t25')]
--- error_code eval
[302, 200]
--- response_body_like eval
['', ::row(success => 'false', status => 302, error_message => '"unauthenticated"')]



=== TEST 25: twenty at once are twenty
--- wait: 0.05
--- token eval
[('manager') x 20, 'admin']
--- request eval
[(map { "DELETE /api/teams/7/leads/t24-$_" } 1 .. 20), 'GET /api/admin/audit-logs?q=t24&limit=50']
--- error_code eval
[(200) x 21]
--- response_body_like eval
[('') x 20, ::rows(20)]



=== TEST 26: who logs in
--- more_headers
Content-Type: application/json
--- token eval
[undef, 'admin']
--- request eval
[::then_logs("POST /api/auth/login\n{\"email\":\" Admin\@Example.com\",\"password\":\"a good one\"}", 'action=login&success=true')]
--- error_code eval
[200, 200]
--- response_body_like eval
['^\{"access_token":"[\w.-]+","token_type":"Bearer","expires_in":900,"refresh_token":"[\w-]{43}","user":\{',
 ::row(user_id => 1, user_email => '"admin\@example.com"', resource_type => '"user"', error_message => 'null', status => 200)]



=== TEST 27: who does not
--- more_headers
Content-Type: application/json
--- token eval
[(undef) x 3, 'admin']
--- request eval
[(map { "POST /api/auth/login\n{\"email\":\"$_\@example.com\",\"password\":\"another one\"}" } qw(admin manager nobody)),
 'GET /api/admin/audit-logs?action=login&success=false']
--- error_code eval
[401, 401, 401, 200]
--- response_body_like eval
[('"/docs#problem-credentials-invalid"') x 3, ::rows(3)]
--- no_error_log
another one



=== TEST 28: a token that is not valid, and why: in the row and the decision, not in the answer
--- more_headers eval
["Authorization: Bearer " . ::jws({ alg => 'HS256', kid => 'test' }, { sub => '1', exp => time + 900 }, 'x' x 40) . "\n", ('') x 2]
--- token eval
[undef, 'admin', 'admin']
--- request eval
["PATCH /api/campaigns/t28", ::then_logs('GET /api/campaigns', 'resource_id=t28')]
--- error_code eval
[401, 200, 200]
--- response_headers_like eval
['WWW-Authenticate: Bearer error="invalid_token", error_description="invalid"', '', '']
--- response_body_like eval
['^(?!.*signature).*"/docs#problem-token-invalid"', '', ::row(success => 'false', error_message => '"token-invalid: signature"')]



=== TEST 29: a token that is not valid, and why: in the log
--- more_headers eval
"Authorization: Bearer " . ::jws({ alg => 'HS256', kid => 'test' }, { sub => '1', exp => time + 900 }, 'x' x 40)
--- request
GET /api/campaigns
--- error_code: 401
--- error_log
leadgen: token refused: signature
