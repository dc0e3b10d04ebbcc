# Trained models, run by mlpjit through its C interface: mlpjit/c_api.h says what each call does.
# Here a model takes rows of f32 and gives rows of f32; what fails dies and says why.
#
#   my $model = Mlpjit->load($symbol_file, $parameter_file);   # or an ONNX file alone
#   my $outputs = $model->run([[1, 2, 3, 4], [5, 6, 7, 8]]);   # a row for each row
#   my $call = $model->bind;
#   my $output = $call->([1, 2, 3, 4]);                        # for one row, quicker
package Mlpjit;
use strict;
use warnings;
use Carp qw(croak);
use FFI::Platypus 2.00;
use FFI::Platypus::Buffer qw(grow scalar_to_pointer);

use constant { OK => 0, F32 => 0 };

# The structs of the interface, and what frees a handle when its last reference goes.
package Mlpjit::Input {
    use FFI::Platypus::Record;
    record_layout_1(opaque => 'data', int => 'dtype', sint32 => 'rank', opaque => 'sizes');
}

package Mlpjit::Output {
    use FFI::Platypus::Record;
    record_layout_1(
        opaque => 'data', size_t => 'bytes',
        int => 'dtype', sint32 => 'rank', 'sint64[8]' => 'sizes',    # the call writes these
    );
}

package Mlpjit::Guard {
    sub new { my ($class, @call) = @_; return bless [@call], $class }
    sub DESTROY { my ($free, $handle) = @{ $_[0] }; $free->($handle); return }
}

# The library is the file that MLPJIT_LIBRARY names, else the system's.
my $ffi = FFI::Platypus->new(api => 2, lib => $ENV{MLPJIT_LIBRARY} // 'libmlpjit.so.0');
$ffi->type('record(Mlpjit::Input)*' => 'input');
$ffi->type('record(Mlpjit::Output)*' => 'output');
$ffi->attach(mlpjit_last_error => [] => 'string');
$ffi->attach(mlpjit_status_text => ['int'] => 'string');
$ffi->attach(mlpjit_load => ['string', 'string', 'opaque'] => 'opaque');
$ffi->attach(mlpjit_free => ['opaque'] => 'void');
for my $port (qw(input output)) {
    $ffi->attach("mlpjit_${port}_count" => ['opaque'] => 'size_t');
    $ffi->attach("mlpjit_${port}_name" => ['opaque', 'size_t'] => 'string');
    $ffi->attach("mlpjit_${port}_dtype" => ['opaque', 'size_t'] => 'int');
    $ffi->attach("mlpjit_${port}_rank" => ['opaque', 'size_t'] => 'sint32');
    $ffi->attach("mlpjit_${port}_size" => ['opaque', 'size_t', 'sint32'] => 'sint64');
}
$ffi->attach(mlpjit_class_count => ['opaque'] => 'size_t');
$ffi->attach(mlpjit_class_name => ['opaque', 'size_t'] => 'string');
$ffi->attach(mlpjit_run => ['opaque', 'input', 'size_t', 'output', 'size_t'] => 'int');
$ffi->attach(mlpjit_bind => ['opaque', 'input', 'size_t'] => 'opaque');
$ffi->attach(mlpjit_bound_free => ['opaque'] => 'void');
$ffi->attach(mlpjit_bound_run => ['opaque', 'opaque[1]', 'size_t', 'opaque[1]', 'size_t'] => 'int');

sub load {
    my ($class, @files) = @_;
    my $handle = mlpjit_load(@files[0, 1], undef) // croak mlpjit_last_error();
    my $self = bless { handle => $handle, guard => Mlpjit::Guard->new(\&mlpjit_free, $handle) },
        $class;
    croak "$files[0]: a model of one input and one output was expected"
        if mlpjit_input_count($handle) != 1 || mlpjit_output_count($handle) != 1;
    croak "$files[0]: a model of rows of f32 was expected"
        if mlpjit_input_dtype($handle, 0) != F32 || mlpjit_output_dtype($handle, 0) != F32
        || mlpjit_input_rank($handle, 0) != 2 || mlpjit_output_rank($handle, 0) != 2
        || $self->width < 0 || $self->output_width < 0;    # of any size
    return $self;
}

sub input_name { my $self = shift; return mlpjit_input_name($self->{handle}, 0) }
sub width { my $self = shift; return mlpjit_input_size($self->{handle}, 0, 1) }
sub output_name { my $self = shift; return mlpjit_output_name($self->{handle}, 0) }
sub output_width { my $self = shift; return mlpjit_output_size($self->{handle}, 0, 1) }

sub classes {
    my $handle = shift->{handle};
    return map { mlpjit_class_name($handle, $_) } 0 .. mlpjit_class_count($handle) - 1;
}

# The elements of rows, as C has them.
sub _packed {
    my ($self, @rows) = @_;
    my $width = $self->width;
    @$_ == $width or croak 'a row of ' . @$_ . " numbers, not $width" for @rows;
    return pack 'f*', map { @$_ } @rows;
}

sub run {
    my ($self, $rows) = @_;
    my $count = @$rows;
    my $width = $self->output_width;
    my $elements = $self->_packed(@$rows);
    my $sizes = pack 'q2', $count, $self->width;
    grow my $results, 4 * $count * $width;
    # A record holds addresses: the scalars must stay as they are until the call is over.
    my $input = Mlpjit::Input->new(
        data => scalar_to_pointer($elements),
        dtype => F32,
        rank => 2,
        sizes => scalar_to_pointer($sizes),
    );
    my $output = Mlpjit::Output->new(
        data => scalar_to_pointer($results), bytes => length $results);
    mlpjit_run($self->{handle}, $input, 1, $output, 1) == OK or croak mlpjit_last_error();
    return [map { [unpack "x[f$_]f$width", $results] } map { $_ * $width } 0 .. $count - 1];
}

sub bind {
    my $self = shift;
    my $sizes = pack 'q2', 1, $self->width;
    my $input = Mlpjit::Input->new(dtype => F32, rank => 2, sizes => scalar_to_pointer($sizes));
    my $bound = mlpjit_bind($self->{handle}, $input, 1) // croak mlpjit_last_error();
    my $guard = Mlpjit::Guard->new(\&mlpjit_bound_free, $bound);
    grow my $results, 4 * $self->output_width;
    return sub {
        my $elements = $self->_packed(shift);
        my $status = mlpjit_bound_run($bound, [scalar_to_pointer($elements)], 1,
            [scalar_to_pointer($results)], 1);
        croak mlpjit_status_text($status) if $status != OK;
        return $guard && [unpack 'f*', $results];    # the guard lives as long as this call
    };
}

1;
