# What applications do not get: our tokens, in a header or in cookies.  Other
# protocols than HTTP are in t/e2e/test_credentials.py.

use strict;
use warnings;

use FindBin;
BEGIN { push @INC, "$FindBin::Bin/lib"; }
use Test::Nginx::Socket 'no_plan';

use File::Temp ();

our $idp = 'a key of somebody else, thirty-two bytes or more';
our $dir = File::Temp::tempdir(CLEANUP => 1);
{
    open my $file, '>', "$dir/idp.key" or die "could not write: $!\n";
    print $file $idp;
    close $file;
}
$ENV{TEST_NGINX_IDP} = "$dir/idp.key";
$ENV{TEST_NGINX_CACHE} = "$dir/cache";

our $ours = 'Authorization: Bearer ' . Leadgen::token(role => 'admin') . "\n";
our $expired = 'Authorization: Bearer ' . Leadgen::token(role => 'admin', iat => time - 1000, exp => time - 100) . "\n";
our $theirs = 'Bearer ' . Leadgen::jws({ alg => 'HS256', kid => 'idp' },
                                       { iss => 'idp', sub => '3', role => 'user', exp => time + 900 }, $idp);
our $basic = 'Basic dXNlcjpwYXNz';

our $access = '__Host-leadgen=' . Leadgen::token(role => 'admin');
our $cookie = "Cookie: a=1; $access; __Host-leadgen-refresh=secret; b=2\n";

our $sock = 'http://unix:$TEST_NGINX_SERVER_ROOT/upstream.sock:';
our $proxy = "proxy_pass $sock;";
our $policy = <<'EOC';
        leadgen_policy {
            GET /api/admin      system:settings;
            GET /api/any        authenticated;
            GET /api/public     public;
            GET /api/accel/**   authenticated;
            GET /api/moved      authenticated;
        }
EOC

our @places = ('GET /api/any', 'GET /api/public', 'GET /open/x', 'GET /named/x', 'GET /tried/x', 'GET /grpc/any');

BEGIN {
    require Leadgen;
    add_block_preprocessor(sub {
        my ($block) = @_;

        # without a database nobody is asked whether users of theirs are there
        my $more = $block->more // '';
        my $within = $block->within // '';
        $block->set_value(http_config => <<"EOC");
    leadgen_zone leadgen:1m;
    leadgen_jwt_key file:\$TEST_NGINX_KEY alg=HS256 kid=test;
    leadgen_jwt_key file:\$TEST_NGINX_IDP alg=HS256 kid=idp issuer=idp;
    $more
    server {
        listen unix:\$TEST_NGINX_SERVER_ROOT/upstream.sock;
        listen unix:\$TEST_NGINX_SERVER_ROOT/http2.sock http2;
        location / {
            return 200 "[\$http_authorization][\$http_cookie][\$http_x_user_id]\\n";
        }
        location /api/accel/ { add_header X-Accel-Redirect /api/admin; return 200; }
    }
EOC
        $block->set_value(config => <<"EOC");
    $within
    location /api/ { $::policy $::proxy }
    location /open/ { $::proxy }
    location /named/ { error_page 418 = \@application; return 418; }
    location /tried/ { try_files /none \@application; }
    location \@application { $::proxy }
    location /grpc/ {
        leadgen_policy { GET /grpc/any authenticated; GET /grpc/public public; }
        grpc_pass unix:\$TEST_NGINX_SERVER_ROOT/http2.sock;
    }
    location /passes/ {
        leadgen_pass_credentials on;
        leadgen_policy { GET /passes/any authenticated; GET /passes/public public; }
        $::proxy
    }
    location /explicit/ {
        leadgen_policy { GET /explicit/any authenticated; }
        set \$read "\$http_authorization\$http_cookie\$cookie_a";
        if (\$read = "") { return 403; }
        proxy_set_header Authorization \$http_authorization;
        proxy_set_header Cookie \$http_cookie;
        $::proxy
    }
    location /asked/ {
        leadgen_policy { GET /asked/any authenticated; }
        auth_request /auth;
        auth_request_set \$told \$upstream_http_x_told;
        add_header X-Told \$told;
        $::proxy
    }
    location = /auth { internal; leadgen_public "asks whether"; proxy_pass http://unix:\$TEST_NGINX_SERVER_ROOT/auth.sock:; }
EOC
        my $n = ref $block->request ? @{$block->request} : 0;
        for my $name (qw(error_code response_body)) {
            my $value = $block->$name;
            $block->set_value($name => [($value) x $n]) if $n && defined $value && !ref $value;
        }
        $block->set_value(error_code => [(200) x $n]) if $n && !defined $block->error_code;
        $block->set_value(more_headers => [($block->more_headers) x $n]) if $n && !ref $block->more_headers;
    });
}

use Leadgen;

run_tests();

__DATA__

=== TEST 1: a token of ours goes to no application
--- more_headers eval: $::ours
--- request eval: [@::places]
--- response_body_like eval: [(qr/^\[\]\[\]\[1?\]$/) x @::places]



=== TEST 2: nor one that has expired, where it is not asked for
--- more_headers eval: $::expired
--- request eval
['GET /api/public', 'GET /open/x', 'GET /named/x']
--- response_body
[][][]



=== TEST 3: nor our cookies, wherever they stand
--- more_headers eval: $::cookie
--- request eval: [@::places]
--- response_body_like eval: [(qr/^\[\]\[a=1; b=2\]\[1?\]$/) x @::places]



=== TEST 4: cookies in several headers, alone, and in spellings that others may read
--- request eval
[('GET /open/x') x 7]
--- more_headers eval
["Cookie: $::access\n", "Cookie: a=1\nCookie: $::access\nCookie: b=2\n", "Cookie: __HOST-LEADGEN=x; a=1\n",
 "Cookie: a=1;\t__Host-leadgen-refresh=x;b=2\n", "Cookie: a=\"; __Host-leadgen=x\"; b=2\n",
 "Cookie: a=1, __Host-leadgen=x; b=2\n", "Cookie: a=1;b=2; leadgen=3\n"]
--- response_body eval
["[][][]\n", "[][a=1; b=2][]\n", "[][a=1][]\n", "[][a=1; b=2][]\n", "[][a=\"; b=2][]\n", "[][b=2][]\n",
 "[][a=1;b=2; leadgen=3][]\n"]



=== TEST 5: a token of another issuer goes on
--- request eval
['GET /api/any', 'GET /api/public', 'GET /open/x', 'GET /grpc/any']
--- more_headers eval
[("Authorization: $::theirs\n") x 4]
--- response_body_like eval
[(qr/^\[\Q$::theirs\E\]\[\]\[3?\]$/) x 4]



=== TEST 6: what is no token of ours goes on where nobody is asked
--- request eval
[('GET /api/public', 'GET /open/x') x 2]
--- more_headers eval
[("Authorization: $::basic\n") x 2, ("Authorization: Bearer opaque\n") x 2]
--- response_body eval
[("[$::basic][][]\n") x 2, ("[Bearer opaque][][]\n") x 2]



=== TEST 7: leadgen_pass_credentials on
--- request eval
['GET /passes/any', 'GET /passes/public', 'GET /passes/public']
--- more_headers eval
[$::ours, $::ours, $::cookie]
--- response_body_like eval
[qr/^\[Bearer ey\S+\]\[\]\[1\]$/, qr/^\[Bearer ey\S+\]\[\]\[\]$/, qr/^\[\]\[a=1; __Host-leadgen=ey\S+; __Host-leadgen-refresh=secret; b=2\]\[\]$/]



=== TEST 8: variables that were read before do not keep them
--- request eval
['GET /explicit/any', 'GET /explicit/any']
--- more_headers eval
[$::ours, $::cookie]
--- response_body eval
["[][][1]\n", "[][a=1; b=2][1]\n"]



=== TEST 9: who is led on inside nginx is judged again
--- request eval
[('GET /api/accel/x') x 2]
--- more_headers eval
[$::ours, "Cookie: $::access\n"]
--- response_body
[][][1]



=== TEST 10: and refused, if they may not
--- request eval
['GET /api/accel/x', 'GET /api/accel/x', 'GET /api/accel/x']
--- more_headers eval
['Authorization: Bearer ' . Leadgen::token(role => 'user') . "\n", 'Cookie: __Host-leadgen=' . Leadgen::token(role => 'user') . "\n",
 "${main::ours}Cookie: $::access\n"]
--- error_code eval
[403, 403, 401]



=== TEST 11: who is asked whether a request may be does not get them, either
--- more eval
'server { listen unix:$TEST_NGINX_SERVER_ROOT/auth.sock; location / { add_header X-Told "[$http_authorization][$http_cookie]"; return 200; } }'
--- request eval
['GET /asked/any', 'GET /asked/any']
--- more_headers eval
[$::ours, $::cookie]
--- response_headers eval
['X-Told: [][]', 'X-Told: [][a=1; b=2]']



=== TEST 12: forged identity headers in any spelling
--- within: ignore_invalid_headers off; underscores_in_headers on;
--- request eval
[('GET /api/public', 'GET /open/x') x 6]
--- more_headers eval
[map { ("X${_}User${_}Id: 1\n") x 2 } '.', '_', '~', '!', '+', "'"]
--- response_body
[][][]



=== TEST 13: a cache with the user in its key has for each what is theirs
--- more: proxy_cache_path $TEST_NGINX_CACHE keys_zone=c:1m;
--- within eval
"location /cached/ { leadgen_policy { GET /cached/x authenticated; } proxy_cache c; proxy_cache_valid 200 1m;
     proxy_cache_key \"\$uri \$leadgen_user_id\"; add_header X-Cache \$upstream_cache_status; $::proxy }"
--- request eval
[('GET /cached/x') x 4]
--- more_headers eval
[map { 'Authorization: Bearer ' . Leadgen::token(role => $_) . "\n" } 'admin', 'user', 'admin', 'user']
--- response_body eval
["[][][1]\n", "[][][3]\n", "[][][1]\n", "[][][3]\n"]
--- response_headers eval
['X-Cache: MISS', 'X-Cache: MISS', 'X-Cache: HIT', 'X-Cache: HIT']
