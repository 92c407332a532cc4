# Questions about the policy: the answer is what the guard does, of the location
# that nginx chooses.

use strict;
use warnings;

use FindBin;
BEGIN { push @INC, "$FindBin::Bin/lib"; }
use Test::Nginx::Socket 'no_plan';
use Leadgen;

our $config = <<'EOC';
    root nowhere;
    location /api/admin { leadgen_api; }
    location / { leadgen_policy { GET /** authenticated; } add_header X-Location / always; }
    location = /a { leadgen_policy { GET /a lead:read; } add_header X-Location /a always; }
    location /a/ { leadgen_policy { GET /a/** lead:export; } add_header X-Location /a/ always;
        location /a/b { leadgen_policy { GET /a/b lead:read; GET /a/b/:id authenticated own=:id; }
            add_header X-Location /a/b always; }
        location ~ ^/a/.*\.png$ { leadgen_policy { GET /a/** public; } add_header X-Location png always; }
        location ^~ /a/c/ { leadgen_policy { GET /a/c/** role=manager|admin; } add_header X-Location /a/c/ always; }
    }
    location ~ (?<end>jpg|png)$ { leadgen_policy { GET /** lead:delete; } add_header X-Location $end always; }
    location ^~ /static/ { leadgen_policy { GET /static/** public ip=10.0.0.0/8; }
        add_header X-Location /static/ always; }
    location /open/ { add_header X-Location /open/ always; }
    location /loose/ { leadgen_path_strict off; leadgen_policy { GET /loose/:x public; }
        add_header X-Location /loose/ always; }
    location /Case/ { leadgen_policy { GET /Case/** public; } add_header X-Location /Case/ always; }
    location /hidden/ { internal; leadgen_policy { GET /hidden/** public; } add_header X-Location /hidden/ always; }
EOC

# path, what X-Location says, the location's name, and why nobody, a user and an
# admin are refused: L logs in, P has a permission missing, C a condition that
# does not hold, R no route, N no canonical path, H hidden, - is let through;
# a nested ^~ stops regular expressions beside it only
our @table = map { [split] } split /\n/, <<'EOT';
/x              /           /                   L - -
/a              /a          /a                  L - -
/a/             /a/         /a/                 L R R
/ab             /           /                   L - -
/a/x            /a/         /a/                 L P -
/a/b            /a/b        /a/b                L - -
/a/b/3          /a/b        /a/b                L - C
/a/b/%33        /a/b        /a/b                L - C
/a/b/33         /a/b        /a/b                L C C
/a/bc           /a/b        /a/b                L R R
/a/x.png        png         ^/a/.*\.png$        - - -
/a/b/x.png      png         ^/a/.*\.png$        - - -
/a/c/x          /a/c/       /a/c/               L P -
/a/c/x.png      png         (?<end>jpg|png)$    L P -
/a/c            /a/         /a/                 L P -
/a/b.jpg        jpg         (?<end>jpg|png)$    L P -
/x.png          png         (?<end>jpg|png)$    L P -
/static/x.png   /static/    /static/            C C C
/static         /           /                   L - -
/open/x         /open/      /open/              - - -
/loose/a        /loose/     /loose/             - - -
/loose/a/b      /loose/     /loose/             L R R
/loose//a       /loose/     /loose/             - - -
/loose/./a      /loose/     /loose/             - - -
/loose/x/../a   /loose/     /loose/             - - -
/loose/a%2Fb    /loose/     /loose/             L R R
/loose/../x     /           /                   N N N
/Case/x         /Case/      /Case/              - - -
/case/x         /           /                   L - -
/a%2Fx          /a/         /a/                 N N N
/%61            /a          /a                  L - -
/%61/%78        /a/         /a/                 L P -
/a//b           /a/b        /a/b                N N N
/a/./x          /a/         /a/                 N N N
/a/../x         /           /                   N N N
/x;y            /           /                   N N N
/x?y=/a         /           /                   L - -
/a?b            /a          /a                  L - -
/x%00           -           -                   N N N
/x%zz           -           -                   N N N
/../x           -           -                   N N N
/hidden/x       -           /hidden/            H H H
EOT

our %status = (L => 401, P => 403, C => 403, R => 403, N => 400, H => 404, '-' => 404);
our %reason = (L => '"unauthenticated"', P => '"permission-missing"', C => '"condition-failed"',
               R => '"route-unknown"', N => '"path-not-canonical"', H => '"not-found"', '-' => 'null');

sub ask { "POST /api/admin/policy/check\n{$_[0]}" }

# the requests themselves, of somebody in that column
sub requests  { return [map { "GET $_->[0]" } @table]; }
sub codes     { my ($n) = @_; return [map { $status{$_->[3 + $n]} } @table]; }
sub locations { return [map { $_->[1] eq '-' ? '' : "X-Location: $_->[1]" } @table]; }

# the same as questions
sub questions { my ($more) = @_; return [map { ask(qq("method":"GET","path":"$_->[0]"$more)) } @table]; }
sub answers   {
    my ($n) = @_;
    return [map { my $name = $_->[2] eq '-' ? 'null' : '"' . $_->[2] =~ s/\\/\\\\/r . '"';
                  qr/"reason":$reason{$_->[3 + $n]},"location":\Q$name\E,/ } @table];
}

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(config => $config) if !defined $block->config;
    if (!defined $block->request) {
        $block->set_value(token => 'admin');
        $block->set_value(more_headers => 'Content-Type: application/json');
        $block->set_value(request => [map { ask($_) } grep { /\S/ } split /\n/, $block->asks]) if $block->asks;
    }
});

no_root_location();
run_tests();

__DATA__

=== TEST 1: what nobody gets
--- request eval
::requests()
--- error_code eval
::codes(0)
--- response_headers eval
::locations()



=== TEST 2: what is told about nobody
--- token: admin
--- more_headers
Content-Type: application/json
--- request eval
::questions('')
--- response_body_like eval
::answers(0)



=== TEST 3: what a user gets
--- token: user
--- request eval
::requests()
--- error_code eval
::codes(1)



=== TEST 4: what is told about a role
--- token: admin
--- more_headers
Content-Type: application/json
--- request eval
::questions(',"role":"user"')
--- response_body_like eval
[map { $_->[0] =~ m{^/a/b/} ? qr/./ : $_->[1] }
 map { [$::table[$_][0], ::answers(1)->[$_]] } 0 .. $#::table]



=== TEST 5: what an admin gets
--- token: admin
--- request eval
::requests()
--- error_code eval
::codes(2)



=== TEST 6: what is told about the role of an admin
--- token: admin
--- more_headers
Content-Type: application/json
--- request eval
::questions(',"role":"admin"')
--- response_body_like eval
::answers(2)



=== TEST 7: all that is told
--- asks
"method":"GET","path":"/a/x","role":"user"
"method":"GET","path":"/a/c/x","role":"user"
"method":"GET","path":"/a/b/3","role":"user"
"method":"HEAD","path":"/a/x.png"
"method":"GET","path":"/open/x","role":"user"
"method":"GET","path":"/static/x","ip_address":"10.1.2.3"
"method":"GET","path":"/static/x","ip_address":"::ffff:11.1.2.3"
"method":"TRACE","path":"/x","role":"admin"
"method":"GET","path":"/api/admin/users","role":"manager"
"method":"PATCH","path":"/api/admin/users","role":"admin"
--- response_body_like eval
['{"result":"denied","status":403,"reason":"permission-missing","location":"/a/","role":"user","route":"/a/\*\*","requires":\["lead:export"\],"missing_permission":"lead:export","failed_condition":null,"smallest_role":"manager"}',
 '"route":"/a/c/\*\*","requires":\[\],"missing_permission":null,"failed_condition":"role=manager\|admin","smallest_role":"manager"}',
 '"reason":"condition-failed".*"failed_condition":"own=:id","smallest_role":null}',
 '{"result":"public","status":null,"reason":null,.*"role":null,.*"smallest_role":null}',
 '{"result":"unguarded","status":null,"reason":null,"location":"/open/"',
 '{"result":"public"', '{"result":"denied".*"failed_condition":"ip=10.0.0.0/8"',
 '"reason":"route-unknown","location":"/"', '"reason":"permission-missing".*"missing_permission":"user:read","failed_condition":null,"smallest_role":"admin"}',
 '"status":405,"reason":"method-not-allowed"']



=== TEST 8: fields that are wrong
--- asks
"path":"/x"
"method":"","path":"/x"
"method":"GET"
"method":"GET","path":"x"
"method":"GET","path":1
"method":"GET","path":"/x","role":"nobody"
"method":"GET","path":"/x","role":"user","user_id":1
"method":"GET","path":"/x","user_id":0
"method":"GET","path":"/x","user_id":"1"
"method":"GET","path":"/x","ip_address":"here"
"method":"GET","path":"/x","roles":"user"
--- error_code eval
[(422) x 11]
--- response_body_like eval
[map { qr/"errors":\[\{"field":"$_"/ } qw(method method path path path role role user_id user_id ip_address roles)]



=== TEST 9: who may not read the audit log may not ask
--- token: manager
--- more_headers
Content-Type: application/json
--- request eval
::ask('"method":"GET","path":"/x"')
--- error_code: 403
