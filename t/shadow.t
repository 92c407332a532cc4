# A shadow policy: it decides, too, and is counted; what happens is up to the
# one that is enforced.

use strict;
use warnings;

use FindBin;
BEGIN { push @INC, "$FindBin::Bin/lib"; }
use Test::Nginx::Socket 'no_plan';
use Leadgen;

# What /metrics says: decisions of the same mind, stricter and laxer ones.

sub counts {
    my ($same, $would_deny, $would_allow) = @_;
    my $name = 'nginx_leadgen_shadow_decisions_total';

    return qr/^$name\{result="same"\} $same
^$name\{result="would_deny"\} $would_deny
^$name\{result="would_allow"\} $would_allow$/m;
}


add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(http_config => <<'EOC');
    leadgen_zone leadgen:1m;
    leadgen_jwt_key file:$TEST_NGINX_KEY alg=HS256 kid=test;

    server {
        listen unix:$TEST_NGINX_SERVER_ROOT/upstream.sock;
        location / { return 200 "$http_x_user_id|$http_x_user_role\n"; }
    }
EOC
    my $config = $block->config // '';
    $block->set_value(config => <<"EOC" . $config);
            location /api/ {
                leadgen_policy {
                    GET   /api/leads         lead:read;
                    GET   /api/leads/:id     lead:delete;
                    GET   /api/users/:id     authenticated;
                    GET   /api/old           authenticated;
                    GET   /api/public/**     public;
                    GET   /api/cased         public;
                    GET   /api/:any          public;
                }
                leadgen_policy shadow {
                    GET   /api/leads         lead:read role=manager|admin;
                    GET   /api/leads/:id     lead:read;
                    GET   /api/users/:id     authenticated own=:id;
                    GET   /api/new           public;
                    GET   /api/public/mine   lead:read;
                    GET   /api/public/more   authenticated;
                    GET   /api/public/net    public ip=10.0.0.0/8;
                    GET   /api/public/**     public;
                    GET   /api/:any          public;
                }
                proxy_pass http://unix:\$TEST_NGINX_SERVER_ROOT/upstream.sock:;

                location /api/public/inner/ {
                    proxy_pass http://unix:\$TEST_NGINX_SERVER_ROOT/upstream.sock:;
                }
                location /api/public/own/ {
                    leadgen_policy { GET /api/public/own/** public; }
                    proxy_pass http://unix:\$TEST_NGINX_SERVER_ROOT/upstream.sock:;
                }
            }
            location = /metrics { leadgen_metrics; }
EOC
});

log_level('info');
run_tests();

__DATA__

=== TEST 1: nobody is refused by a shadow
--- token: user
--- request eval
['GET /api/leads', 'GET /api/users/3', 'GET /api/users/1', 'GET /api/old', 'GET /metrics']
--- error_code eval
[200, 200, 200, 200, 200]
--- response_body_like eval
[qr/^3\|user$/, qr/^3\|user$/, qr/^3\|user$/, qr/^3\|user$/, main::counts(2, 2, 0)]



=== TEST 2: nobody is let through by one
--- request eval
['GET /api/leads/7', 'GET /api/leads/7', 'GET /api/leads/7', 'GET /metrics']
--- token eval
['user', 'admin', undef, undef]
--- error_code eval
[403, 200, 401, 200]
--- response_body_like eval
['', '', '', main::counts(2, 0, 1)]



=== TEST 3: where the enforced route is public, a token is looked at for the shadow alone
--- request eval
['GET /api/public/mine', 'GET /api/public/mine', 'GET /api/public/more', 'GET /api/public/any', 'GET /metrics']
--- token eval
['user', undef, {exp => 1}, 'user', undef]
--- error_code eval
[200, 200, 200, 200, 200]
--- response_body_like eval
[qr/^\|$/, qr/^\|$/, qr/^\|$/, qr/^\|$/, main::counts(2, 2, 0)]



=== TEST 4: conditions of a shadow
--- request eval
['GET /api/public/net', 'GET /metrics']
--- error_code eval
[200, 200]
--- response_body_like eval
['', main::counts(0, 1, 0)]



=== TEST 5: what both refuse, and what is no path for either
--- request eval
['GET /api/no/where', 'GET /api//leads', 'POST /api/leads', 'GET /metrics']
--- error_code eval
[401, 400, 401, 200]
--- response_body_like eval
['', '', '', main::counts(3, 0, 0)]



=== TEST 6: a spelling that only one of them takes for another route
--- request eval
['GET /api/Cased', 'GET /metrics']
--- error_code eval
[400, 200]
--- response_body_like eval
['', main::counts(0, 0, 1)]



=== TEST 7: a location in it has the shadow, too; one with a policy of its own has not
--- request eval
['GET /api/public/inner/x', 'GET /metrics', 'GET /api/public/own/x', 'GET /metrics']
--- error_code eval
[200, 200, 200, 200]
--- response_body_like eval
['', main::counts(1, 0, 0), '', main::counts(1, 0, 0)]



=== TEST 8: HEAD counts as GET
--- token: user
--- request eval
['HEAD /api/leads', 'GET /metrics']
--- error_code eval
[200, 200]
--- response_body_like eval
['', main::counts(0, 1, 0)]
