# Every way into content: what nginx's constructs around a policy give to nobody,
# to a user without the grant and to an administrator, and what is recorded.
# What they must not be combined to is refused by "nginx -t": see t/config.t.

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

our $http = <<'EOC';
    leadgen_zone leadgen:1m;
    leadgen_jwt_key file:$TEST_NGINX_KEY alg=HS256 kid=test;
    leadgen_spool $TEST_NGINX_SPOOL size=4m;
    leadgen_database "$TEST_NGINX_DATABASE";
    leadgen_audit all;

    server {
        listen unix:$TEST_NGINX_SERVER_ROOT/upstream.sock;
        merge_slashes off;
        location / { return 200 "reached $request_uri\n"; }
        location /missing/ { return 404; }
        location /accel/ { add_header X-Accel-Redirect $arg_to; return 200; }
    }
EOC

our $proxy = 'proxy_pass http://unix:$TEST_NGINX_SERVER_ROOT/upstream.sock:;';

# what is to be reached, by an administrator alone
our $secret = "location /secret/ { leadgen_policy {"
              . " GET|POST /secret/** system:settings; } $proxy }";
our $files = "location /files/ { leadgen_policy {"
             . " GET /files/** system:settings; } root html; }";

# A page that anybody with a token may see, and public ones below open/.
sub page {
    my ($more) = @_;

    return "location /page/ { leadgen_policy { GET|POST /page/** authenticated;"
           . " GET /page/open/** public; } $more }";
}

our $pages = <<'EOC';
>>> page/t02
<!--# include virtual="/secret/x" -->
>>> page/open/t03
<!--# include virtual="/secret/x" -->
>>> page/t04
<!--# include virtual="/secret/y/..;/x" -->
>>> page/t05.html
page
>>> page/t06.html
page
>>> files/index.html
reached
>>> files/t19
reached
EOC

# Each request is sent by nobody, by a user and by an administrator, which
# "gives" a status, "reached" where the secret content comes, or "kept" for a 200
# without it.  Then the log has "rows" for the last part of the path, newest
# first: g(ranted), d(enied), by nobody (0), administrator (1) or user (3).
our %codes = (reached => 200, kept => 200);

sub rows {
    my @rows = map { /(.)(.)/ ? [$1, $2] : () } @_;

    return qr/^\{"items":\s*\[\]/ if !@rows;

    my $all = join '.*', map {
        my $who = $_->[1] || 'null';
        my $what = $_->[0] eq 'g' ? 'access_granted' : 'access_denied';
        qq("action":\\s*"$what"(?:(?!"action":).)*"user_id":\\s*$who\\b)
    } @rows;

    return qr/^(?!(?:.*"action":){@{[@rows + 1]}}).*$all/s;
}


add_block_preprocessor(sub {
    my ($block) = @_;

    my ($request, @gives) = ($block->request, split ' ', $block->gives);
    chomp $request;
    my ($name) = $request =~ m{/([^/]+)$};

    $block->set_value(http_config => $http);
    $block->set_value(config => ($block->config // '') . $secret . $files
                                . 'location /api/admin { leadgen_api; }'
                                . Leadgen::Postgres::metrics());
    $block->set_value(user_files => $pages);
    $block->set_value(token => [undef, 'user', 'admin']);
    $block->set_value(request => [($request) x 3]);
    $block->set_value(error_code => [map { $codes{$_} // $_ } @gives]);
    $block->set_value(response_body_like => [
        map { $_ eq 'reached' ? 'reached' : '^(?!.*reached)' } @gives]);

    return if !defined $block->rows;

    push @{$block->token}, 'admin';
    push @{$block->request}, "GET /api/admin/audit-logs?q=$name";
    push @{$block->error_code}, 200;
    push @{$block->response_body_like}, rows(split ' ', $block->rows);
    $block->set_value(wait => '0.6');
});

log_level('info');
Leadgen::Postgres::query(<<'EOC');
    insert into users (email, name, hashed_password, role)
    values ('admin@example.com', 'Admin', '!', 'admin')
EOC

run_tests();

__DATA__

=== TEST 1: the content itself
--- request
GET /secret/t01
--- gives: 401 403 reached
--- rows: g1 d3 d0



=== TEST 2: SSI in a page for whoever has a token
--- config eval
::page('root html; ssi on; ssi_types *;')
--- request
GET /page/t02
--- gives: 401 kept reached
--- rows: g1 g3 d0



=== TEST 3: SSI in a public page, of which nobody asks who it is
--- config eval
::page('root html; ssi on; ssi_types *;')
--- request
GET /page/open/t03
--- gives: kept kept kept
--- rows: g0 g0 g0



=== TEST 4: SSI of a path that is not canonical
--- config eval
::page('root html; ssi on; ssi_types *;')
--- request
GET /page/t04
--- gives: 401 kept kept



=== TEST 5: add_before_body
--- config eval
::page('root html; types { text/html html; } add_before_body /secret/x;')
--- request
GET /page/t05.html
--- gives: 401 kept reached



=== TEST 6: add_after_body
--- config eval
::page('root html; types { text/html html; } add_after_body /secret/x;')
--- request
GET /page/t06.html
--- gives: 401 kept reached



=== TEST 7: auth_request to a denied path: who may not ask may not pass
--- config eval
::page("auth_request /secret/x; $::proxy")
--- request
GET /page/t07
--- gives: 401 403 reached



=== TEST 8: rewrite ... last: judged anew
--- config eval
'location /old/ { rewrite ^ /secret/x last; }'
--- request
GET /old/t08
--- gives: 401 403 reached
--- rows: g1 d3 d0



=== TEST 9: rewrite ... last in a location with a policy
--- config eval
::page('rewrite ^ /secret/x last;')
--- request
GET /page/t09
--- gives: 401 403 reached



=== TEST 10: rewrite ... break: the policy of the location reads the new path
--- config eval
::page("rewrite ^ /secret/x break; $::proxy")
--- request
GET /page/t10
--- gives: 401 403 403
--- rows: d1 d3 d0



=== TEST 11: rewrite to a path that is not canonical
--- config eval
::page("rewrite ^ '/page/..;/secret/x' break; $::proxy")
--- request
GET /page/t11
--- gives: 400 400 400



=== TEST 12: rewrite ... redirect in the server: sent away, from what is none of its
--- config eval
"rewrite ^/page/(t12)\$ /secret/\$1 redirect;" . ::page($::proxy)
--- request
GET /page/t12
--- gives: 302 302 302
--- rows: g0 g0 g0



=== TEST 13: return in an if that refuses
--- config eval
::page("if (\$request_uri ~ t13) { return 403; } $::proxy")
--- request
GET /page/t13
--- gives: 403 403 403
--- rows: d0 d0 d0



=== TEST 14: try_files to a file: the path that was asked for is judged
--- config eval
::page('root html; try_files /files/t19 =404;')
--- request
GET /page/t14
--- gives: 401 reached reached
--- rows: g1 g3 d0



=== TEST 15: try_files to a path: judged anew
--- config eval
::page('root html; try_files /none /secret/x;')
--- request
GET /page/t15
--- gives: 401 403 reached



=== TEST 16: try_files to a named location without a policy: judged before
--- config eval
::page('root html; try_files /none @application;') . "location \@application { $::proxy }"
--- request
GET /page/t16
--- gives: 401 reached reached



=== TEST 17: try_files to a named location with a policy: judged twice
--- config eval
::page('root html; try_files /none @application;') . "location \@application { leadgen_policy { GET /page/t17 system:settings; } $::proxy }"
--- request
GET /page/t17
--- gives: 401 403 reached



=== TEST 18: index: the file that is served is judged
--- config eval
'location = /t18 { rewrite ^ /files/ last; } location = /files/ { leadgen_policy { GET /files/ public; } root html; index index.html; }'
--- request
GET /t18
--- gives: 401 403 reached



=== TEST 19: a file
--- request
GET /files/t19
--- gives: 401 403 reached



=== TEST 20: error_page to a denied path
--- config eval
::page("$::proxy proxy_intercept_errors on; error_page 404 = /secret/x; rewrite ^ /missing/x break;") =~ s/page\/\*\* auth/** auth/r
--- request
GET /page/t20
--- gives: 401 403 reached



=== TEST 21: error_page for a refusal to what is denied stays a refusal
--- config eval
::page('error_page 401 403 /secret/x; root html;') =~ s/authenticated/lead:delete/r
--- request
GET /page/t21
--- gives: 401 403 404



=== TEST 22: error_page to a named location without a policy
--- config eval
::page('error_page 401 403 = @page; root html;') =~ s/authenticated/system:settings/r . 'location @page { return 418; }'
--- request
GET /page/t22
--- gives: 418 418 404
--- rows: g1 d3 d0



=== TEST 23: X-Accel-Redirect to a denied path
--- config eval
::page("rewrite ^ /accel/x?to=/secret/x break; $::proxy") =~ s/page\/\*\* auth/** auth/r
--- request
GET /page/t23
--- gives: 401 403 reached



=== TEST 24: X-Accel-Redirect to a path that is not canonical
--- config eval
::page("rewrite ^ '/accel/x?to=/secret/..%3b/x' break; $::proxy") =~ s/page\/\*\* auth/** auth/r
--- request
GET /page/t24
--- gives: 401 400 400



=== TEST 25: satisfy any with an address that is allowed
--- config eval
::page("satisfy any; allow all; $::proxy") =~ s/authenticated/system:settings/r
--- request
GET /page/t25
--- gives: 401 403 reached
--- rows: g1 d3 d0



=== TEST 26: satisfy any with an address that is denied: the policy allows
--- config eval
::page("satisfy any; deny all; $::proxy") =~ s/authenticated/system:settings/r
--- request
GET /page/t26
--- gives: 401 403 reached



=== TEST 27: deny: both must allow
--- config eval
::page("deny all; $::proxy")
--- request
GET /page/t27
--- gives: 401 403 403



=== TEST 28: limit_except: both must allow
--- config eval
::page("limit_except POST { deny all; } $::proxy")
--- request
GET /page/t28
--- gives: 401 403 403



=== TEST 29: proxy_pass in an if: the same policy
--- config eval
::page("if (\$request_uri) { $::proxy } root html;") =~ s/authenticated/system:settings/r
--- request
GET /page/t29
--- gives: 401 403 reached



=== TEST 30: a location inside, by regular expression: the same policy
--- config eval
::page("location ~ x\$ { $::proxy }") =~ s/authenticated/system:settings/r
--- request
GET /page/t30x
--- gives: 401 403 reached



=== TEST 31: a location inside that is left public
--- config eval
::page("$::proxy location /page/left/ { leadgen_public 'a reason'; $::proxy }")
--- request
GET /page/left/t31
--- gives: reached reached reached



=== TEST 32: a location inside with a policy of its own
--- config eval
::page("$::proxy location /page/own/ { leadgen_policy { GET /page/own/** system:settings; } $::proxy }")
--- request
GET /page/own/t32
--- gives: 401 403 reached



=== TEST 33: internal: no client comes there, whoever it is
--- config eval
::page("internal; $::proxy")
--- request
GET /page/t33
--- gives: 404 404 404



=== TEST 34: internal, by a redirect: judged
--- config eval
'location /old/ { rewrite ^ /page/t34 last; }' . ::page("internal; $::proxy") =~ s/authenticated/system:settings/r
--- request
GET /old/t34
--- gives: 401 403 reached



=== TEST 35: a mirror of what is allowed
--- config eval
::page("mirror /secret/x; $::proxy")
--- request
GET /page/t35
--- gives: 401 reached reached



=== TEST 36: post_action to a denied path changes no answer
--- config eval
::page("post_action /secret/x; $::proxy")
--- request
GET /page/t36
--- gives: 401 reached reached
--- rows: g1 g3 d0



=== TEST 37: $request_uri is what was judged
--- config eval
"leadgen_path_strict off; location /raw/ { leadgen_policy { GET /** system:settings; } proxy_pass http://unix:\$TEST_NGINX_SERVER_ROOT/upstream.sock:\$request_uri; }"
--- request
GET /secret/../raw/t37
--- gives: 401 403 reached



=== TEST 38: a path out of "location /name" and its proxy_pass with a slash
--- config eval
"location /raw { leadgen_policy { GET /** authenticated; } proxy_pass http://unix:\$TEST_NGINX_SERVER_ROOT/upstream.sock:/v1/; }"
--- request
GET /raw../secret/t38
--- gives: 400 400 400



=== TEST 39: $request_uri is what was judged, when a rewrite made the path
--- config eval
"location /missing/ { rewrite ^/missing/(.*) /page/\$1 last; }"
. ::page("proxy_pass http://unix:\$TEST_NGINX_SERVER_ROOT/upstream.sock:\$request_uri;")
--- request
GET /missing/t39
--- gives: 401 reached reached
