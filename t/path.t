# Paths and methods: what the policy reads and what the upstream gets are the
# same, whatever a client writes.

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
        merge_slashes off;
        underscores_in_headers on;
        location / { return 200 "$request_method $request_uri\n"; }
        location = /x/headers {
            return 200 "$request_method $request_uri|$http_x_http_method_override|$http_x_http_method|$http_x_method_override|$http_x_original_url|$http_x_rewrite_url\n";
        }
    }
EOC

our $policy = 'leadgen_policy { GET / public; GET|POST /x/** public;'
              . ' DELETE /x/:id lead:delete; OPTIONS /x/options public;'
              . ' GET /admin system:settings; GET /admin/** system:settings; }';
our $whole = 'proxy_pass http://unix:$TEST_NGINX_SERVER_ROOT/upstream.sock:;';
our $cut = 'proxy_pass http://unix:$TEST_NGINX_SERVER_ROOT/upstream.sock:/;';

# not canonical: [ what is sent, what the policy reads in it ]
our @split = (
    ['//admin', '/admin'],              ['/./admin', '/admin'],
    ['/%2e/admin', '/admin'],           ['/.%2fadmin', '/admin'],
    ['/%2fadmin', '/admin'],            ['/%2f%2fadmin', '/admin'],
    ['/x/../admin', '/admin'],          ['/x/%2e%2e/admin', '/admin'],
    ['/x/.%2e/admin', '/admin'],        ['/x/%2E./admin', '/admin'],
    ['/x%2f..%2fadmin', '/admin'],      ['/x/..%2fadmin', '/admin'],
    ['/x//..//admin', '/admin'],        ['/admin%2f', '/admin/'],
    ['/admin%2Fx', '/admin/x'],         ['/admin//', '/admin/'],
    ['/admin;/../x/y', '/x/y'],         ['/x/..;/admin', '/x/..;/admin'],
    ['/x/y;z=1', '/x/y;z=1'],           ['/x/y%3bz', '/x/y;z'],
    ['/x#/../admin', '/x'],             ['/x/y#frag', '/x/y'],
    ['/x/y%23z', '/x/y#z'],             ['/x\..\admin', '/x\..\admin'],
    ['/x/y\..\admin', '/x/y\..\admin'], ['/x/y%5c..%5ca', '/x/y\..\a'],
    ['/x/%2561dmin', '/x/%61dmin'],     ['/x/%252e%252e/a', '/x/%2e%2e/a'],
    ['/x/%25%32%65', '/x/%2e'],         ['/%2561dmin', '/%61dmin'],
    ['/x/%c0%af', "/x/\xc0\xaf"],       ["/x/\xff", "/x/\xff"],
    ['/x/%ff', "/x/\xff"],              ['/x/%ed%a0%80', "/x/\xed\xa0\x80"],
    ['/x/y%0d%0aX:y', "/x/y\r\nX:y"],   ['/x/y%0a', "/x/y\n"],
    ['/x/y%09', "/x/y\t"],              ['/x/y%7f', "/x/y\x7f"],
    ['/x/y%1b', "/x/y\x1b"],            ['/admin%0a', "/admin\n"],
    ['/x/.', '/x/'],                    ['/x/..', '/'],
    ['/x/y/%2e', '/x/y/'],              ['/x/y%2ez', '/x/y.z'],
    ['/x/a..', '/x/a..'],               ['/x/a%20', '/x/a '],
    ['/x/.../y', '/x/.../y'],           ['/x/a./y', '/x/a./y'],
    ['/x/y/../z', '/x/z'],              ['/x/y//z', '/x/y/z'],
    ['http://evil//admin', '/admin'],   ['http://evil/x/..;/a', '/x/..;/a'],
);

# what nginx itself refuses
our @malformed = ('/x/y%00', '/../admin', '/..%2fadmin', '/x/%', '/x/%zz',
                  '/x/%u0061', '*', '\admin', 'admin', "/x/y\x7f", "/x/\x01");

# canonical: what is sent
our @canonical = ('/', '/x/y', '/x/y/', '/x/a%20b', '/x/%7euser', '/x/~user',
                  "/x/\xc3\xa4", '/x/%c3%a4', '/x/%f0%9f%98%80', '/x/a.b',
                  '/x/.hidden', '/x/..a', '/x/%41', '/x/a:b@c,d+e',
                  '/x/100%25', '/x/y?u=//h/..%2f;%00#', 'http://evil/x/y');


sub reading_status {
    return $_[0] eq '/' || $_[0] =~ m{^/x/.} ? 200 : 401;
}


# How the upstream may spell a path: "%", "#" and "?" encoded, others either way.

sub spelled {
    my ($path) = @_;

    my $pattern = join '', map {
        my $code = sprintf '%%%02X', ord;
        m{[%#?]} ? "(?i:$code)" : m{[/A-Za-z0-9]} ? $_ : "(?:\Q$_\E|(?i:$code))"
    } split //, $path;

    return qr/^GET $pattern\n$/;
}


add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(http_config => $http)
        if !defined $block->http_config;
    $block->set_value(config => "location / { $policy $whole }")
        if !defined $block->config;
});

no_root_location();
run_tests();

__DATA__

=== TEST 1: what is not canonical is refused, and said so
--- request eval
[map { "GET $_->[0]" } @::split]
--- error_code eval
[(400) x @::split]
--- response_body_like eval
[('^\{"type":"/docs#problem-path-not-canonical","title":"Path is not canonical","status":400,"detail":"[^"]+","request_id":"[^"]+"\}$') x @::split]



=== TEST 2: also where the proxy changes the path
--- config eval
"location / { $::policy $::cut }"
--- request eval
[map { "GET $_->[0]" } @::split]
--- error_code eval
[(400) x @::split]



=== TEST 3: also for an administrator
--- token: admin
--- request eval
[map { "GET $_->[0]" } @::split]
--- error_code eval
[(400) x @::split]



=== TEST 4: also behind try_files, error_page and rewrite
--- config eval
"location / { try_files /none \@application; }
 location /page/ { error_page 418 = \@application; return 418; }
 location /old/ { rewrite ^/old/(.*) /x/\$1 last; }
 location /x/ { leadgen_policy { GET /x/** public; } $::whole }
 location \@application { $::policy $::whole }"
--- request eval
['GET /admin;/../y', 'GET /page/..;/y', 'GET /old/..;/admin', 'GET /old/y',
 'GET /x/y']
--- error_code eval
[400, 400, 400, 200, 200]



=== TEST 5: nginx's own limits
--- request eval
[map { "GET $_" } @::malformed]
--- error_code eval
[(400) x @::malformed]



=== TEST 6: a path without a check of its own is refused as nginx reads it
--- config eval
"leadgen_path_strict off; location / { $::policy $::whole }"
--- request eval
[map { "GET $_->[0]" } @::split]
--- error_code eval
[map { ::reading_status($_->[1]) } @::split]
--- response_body_like eval
[map { ::reading_status($_->[1]) == 200 ? ::spelled($_->[1])
                                        : 'problem-unauthenticated' } @::split]



=== TEST 7: the same where the proxy changes the path
--- config eval
"leadgen_path_strict off; location / { $::policy $::cut }"
--- request eval
[map { "GET $_->[0]" } @::split]
--- error_code eval
[map { ::reading_status($_->[1]) } @::split]
--- response_body_like eval
[map { ::reading_status($_->[1]) == 200 ? ::spelled($_->[1])
                                        : 'problem-unauthenticated' } @::split]



=== TEST 8: the same where nginx does not merge slashes
--- config eval
"leadgen_path_strict off; merge_slashes off; location / { $::policy $::whole }"
--- token: user
--- request eval
['GET //admin', 'GET /%2fadmin', 'GET /x//y', 'GET /x//../admin',
 'GET /admin//', 'GET /x/y//..//admin']
--- error_code eval
[403, 403, 403, 200, 403, 200]
--- response_body_like eval
[('problem-route-unknown') x 3, '^GET /x/admin$', 'problem-route-unknown',
 '^GET /x/y//admin$']



=== TEST 9: what is canonical comes through as it is
--- request eval
[map { "GET $_" } @::canonical]
--- error_code eval
[(200) x @::canonical]
--- response_body eval
[map { "GET $_\n" =~ s/http:..evil//r } @::canonical]



=== TEST 10: a route is the whole path, as it is written
--- token: admin
--- request eval
[map { "GET $_" } '/admin', '/%61dmin', '/admin/x', '/admin/', '/ADMIN',
 '/adminx', '/admin.', '/admin%20', '/admin.png', '/x', '/admin?/x/y']
--- error_code eval
[200, 200, 200, 403, 403, 403, 400, 400, 403, 403, 200]



=== TEST 11: a path longer than any route
--- request eval
['GET /x/' . 'y' x 4000, 'GET /x/' . 'y' x 5000]
--- error_code eval
[200, 400]



=== TEST 12: HEAD is GET
--- request
HEAD /x/y



=== TEST 13: HEAD of what GET may not
--- request
HEAD /admin
--- error_code: 401



=== TEST 14: methods that no rule can name are denied
--- token: admin
--- request eval
[map { "$_ /x/y" } 'FOO', 'GETX', 'G', 'HEADS', 'PROPFIND', 'LOCK', 'X' x 64]
--- error_code eval
[(403) x 7]



=== TEST 15: a rule is for its methods
--- token: admin
--- request eval
[map { "$_ /x/y" } 'GET', 'POST', 'DELETE', 'PUT', 'PATCH', 'OPTIONS']
--- error_code eval
[200, 200, 200, 403, 403, 403]



=== TEST 16: OPTIONS needs a rule as well
--- more_headers
Origin: https://example.com
Access-Control-Request-Method: GET
--- request eval
['OPTIONS /x/y', 'OPTIONS /x/options', 'OPTIONS *']
--- error_code eval
[401, 200, 400]



=== TEST 17: methods that nginx does not serve
--- token: admin
--- request eval
['TRACE /x/y', 'CONNECT /x/y', 'get /x/y', 'Get /x/y']
--- error_code eval
[405, 405, 400, 400]



=== TEST 18: headers that claim another method or path are not passed on
--- more_headers
X-HTTP-Method-Override: DELETE
X-Http-Method: DELETE
X-Method-Override: DELETE
X_Http_Method_Override: DELETE
X-Original-URL: /admin
X-Rewrite-URL: /admin
--- config eval
"underscores_in_headers on; location / { $::policy $::whole }"
--- request
POST /x/headers
--- response_body
POST /x/headers|||||



=== TEST 19: HTTP/1.0 without a host
--- raw_request eval
"GET /admin HTTP/1.0\r\n\r\n"
--- error_code: 401



=== TEST 20: HTTP/0.9 has no headers to refuse with, and gets no answer
--- raw_request eval
"GET /admin\r\n"
--- ignore_response
--- no_error_log
[crit]



=== TEST 21: capitals in which others might read another route
--- config eval
"location / { leadgen_policy { GET /:a/:b public; GET /:a public;
                               GET /x/secret system:settings; } $::whole }"
--- request eval
[map { "GET $_" } '/x/Other', '/X/Y', '/x/secret', '/x/Secret', '/X/secret',
 '/x/%53ECRET']
--- error_code eval
[200, 200, 401, 400, 400, 400]
