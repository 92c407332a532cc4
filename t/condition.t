# Conditions of a policy line beyond its grant: whose segment it is, and from
# which network.

use strict;
use warnings;

use FindBin;
BEGIN { push @INC, "$FindBin::Bin/lib"; }
use Test::Nginx::Socket 'no_plan';
use Leadgen;

our $many = join '|', map { "10.0.0.$_" } 1 .. 64;

# "line" is a policy of one line; what "says" says must be refused.
add_block_preprocessor(sub {
    my ($block) = @_;
    my $line = $block->line;

    if (defined $line) {
        $block->set_value(config =>
            "location /api/ { leadgen_policy { $line } }");
        chomp(my $says = $block->says);
        $block->set_value(must_die => '');
        $block->set_value(error_log => [
            qr/\[emerg\].*\Q$says\E.* in \S+:\d+$/]);
        return;
    }

    $block->set_value(config => <<'EOC');
            set_real_ip_from 127.0.0.1;
            real_ip_header X-Forwarded-For;
            location /api/ {
                leadgen_policy {
                    GET  /api/users/:id    authenticated own=:id;
                    GET  /api/teams/:t/:u  lead:read own=:u role=user|admin;
                    GET  /api/inside/**    public ip=127.0.0.0/8|2001:db8::/32|192.0.2.7;
                    GET  /api/admin        role=admin ip=10.0.0.0/8;
                }
                alias html/;
                try_files /index.html =404;
            }
EOC
});

log_level('info');
run_tests();

__DATA__

=== TEST 1: a segment that is the user's id
--- token: user
--- request eval
['GET /api/users/3', 'GET /api/users/2', 'GET /api/users/03', 'GET /api/users/33', 'GET /api/users/%33', 'HEAD /api/users/3']
--- error_code eval
[200, 403, 403, 403, 200, 200]



=== TEST 2: nobody owns nothing
--- request eval
['GET /api/users/0', 'GET /api/users/']
--- error_code eval
[401, 401]



=== TEST 3: a permission, a role and a segment, for an admin
--- token: admin
--- request eval
['GET /api/teams/9/1', 'GET /api/teams/1/9', 'GET /api/teams/9/3']
--- error_code eval
[200, 403, 403]



=== TEST 4: a permission, a role and a segment, for a manager
--- token: manager
--- request eval
['GET /api/teams/9/2']
--- error_code eval
[403]



=== TEST 5: networks, of a client whose address a proxy tells
--- request eval
[('GET /api/inside/a') x 9]
--- more_headers eval
['', 'X-Forwarded-For: 192.0.2.7', 'X-Forwarded-For: 192.0.2.8',
 'X-Forwarded-For: 2001:db8::1', 'X-Forwarded-For: 2001:db9::1',
 'X-Forwarded-For: ::ffff:192.0.2.7', 'X-Forwarded-For: ::ffff:192.0.2.8',
 'X-Forwarded-For: 127.1.2.3, 203.0.113.9', 'X-Forwarded-For: 203.0.113.9, 127.1.2.3']
--- error_code eval
[200, 200, 403, 200, 403, 200, 403, 403, 200]



=== TEST 6: a role and a network
--- token: admin
--- request eval
[('GET /api/admin') x 2]
--- more_headers eval
['', "X-Forwarded-For: 10.1.2.3\n"]
--- error_code eval
[403, 200]



=== TEST 7: what the client is told
--- token: user
--- request
GET /api/users/2
--- error_code: 403
--- response_headers
Content-Type: application/problem+json
--- response_body_like: ^\{"type":"/docs#problem-condition-failed","title":"Condition not met","status":403,"detail":"[^"]+","request_id":"[0-9a-f-]{36}"\}$



=== TEST 8: own= of a public route
--- line: GET /api/:id public own=:id;
--- says: own= needs to know who asks: use "authenticated"



=== TEST 9: own= without a colon
--- line: GET /api/:id authenticated own=id;
--- says: "own=id" is not own=:NAME



=== TEST 10: own= of a name that is not in the path
--- line: GET /api/:id authenticated own=:user;
--- says: "own=:user": there is no ":user" in path "/api/:id"



=== TEST 11: own= twice
--- line: GET /api/:a/:b authenticated own=:a own=:b;
--- says: "own=" stands twice in a policy line



=== TEST 12: own= is no grant
--- line: GET /api/:id own=:id;
--- says: a policy line needs "public", or "authenticated"



=== TEST 13: ip= is no grant
--- line: GET /api/x ip=10.0.0.1;
--- says: a policy line needs "public", or "authenticated"



=== TEST 14: ip= without a network
--- line: GET /api/x public ip=;
--- says: "" of ip= is not an address or network such as



=== TEST 15: ip= with a name
--- line: GET /api/x public ip=localhost;
--- says: "localhost" of ip= is not an address or network such as



=== TEST 16: ip= with commas
--- line: GET /api/x public ip=10.0.0.1,10.0.0.2;
--- says: "10.0.0.1,10.0.0.2" of ip= is not an address or network such as



=== TEST 17: ip= with a prefix that is too long
--- line: GET /api/x public ip=10.0.0.0/33;
--- says: "10.0.0.0/33" of ip= is not an address or network such as



=== TEST 18: ip= with bits beyond the prefix
--- line: GET /api/x public ip=127.0.0.1|10.0.0.1/8;
--- says: "10.0.0.1/8" of ip= has bits set that its prefix leaves out



=== TEST 19: ip= with bits beyond the prefix, in version 6
--- line: GET /api/x public ip=2001:db8::1/32;
--- says: "2001:db8::1/32" of ip= has bits set that its prefix leaves out



=== TEST 20: ip= twice
--- line: GET /api/x public ip=10.0.0.1 ip=10.0.0.2;
--- says: "ip=" stands twice in a policy line



=== TEST 21: ip= with too many networks
--- line eval
"GET /api/x public ip=$::many|10.0.0.65;"
--- says: ip= has more than 64 networks



=== TEST 22: role= twice
--- line: GET /api/x role=admin role=manager;
--- says: "role=" stands twice in a policy line
